import type { TextKey } from '../i18n/ja';
import type { Title } from '../i18n/language';

export type ProblemKind =
  | 'offline' | 'bad' | 'missing' | 'conflict' | 'large' | 'unauthorized' | 'unsupported' | 'busy' | 'server';

/** Is an answer that is not a success: the server's problem details, or that there was no answer (status 0). */
export class Problem extends Error {
  readonly status: number;
  readonly type: string;
  /** Is the server's sentence in the user's languages, where it has one. */
  readonly reasons: Title;

  constructor(status: number, type: string, detail: string, reasons: Title = null) {
    super(detail);
    this.reasons = reasons;
    this.name = 'Problem';
    this.status = status;
    this.type = type;
  }

  /** Says which sentence and remedy the user gets. */
  get kind(): ProblemKind {
    switch (this.status) {
      case 0: return 'offline';
      case 401: case 403: return 'unauthorized';
      case 404: case 410: return 'missing';
      case 409: return 'conflict';
      case 413: return 'large';
      case 406: case 415: return 'unsupported';
      case 503: case 507: return 'busy';
      default: return this.status >= 500 ? 'server' : 'bad';
    }
  }

  get titleKey(): TextKey {
    return `error.${this.kind}`;
  }

  get remedyKey(): TextKey {
    return `error.${this.kind}Remedy`;
  }

  /** Is the server's own sentence, worth showing only where it tells the user what to mend. */
  get explanation(): string {
    return this.kind === 'server' || this.kind === 'offline' ? '' : this.message;
  }
}

/** Turns whatever was thrown into a Problem; a failed fetch is "no answer". */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof TypeError) return new Problem(0, '', error.message);
  return new Problem(500, '', error instanceof Error ? error.message : String(error));
}

/** Reads a refused response as a Problem; a body that is no problem details gives its status alone. */
export async function problemFrom(response: Response): Promise<Problem> {
  const text = await response.text();
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null) {
      const { type, title, detail, reasons } = body as Record<string, unknown>;
      return new Problem(response.status, String(type ?? ''), String(detail ?? title ?? ''), (reasons as Title) ?? null);
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return new Problem(response.status, '', '');
}
