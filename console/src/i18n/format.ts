import { fill, type Language } from './language';

const steps: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_536_000], ['month', 2_592_000], ['day', 86_400], ['hour', 3_600], ['minute', 60],
];

/** Says how long ago a time was ("3分前", "3 minutes ago"). */
export function age(language: Language, at: string, now: number): string {
  const seconds = (now - Date.parse(at)) / 1000;
  if (Number.isNaN(seconds)) return '';
  if (seconds < -60) return fill(language, 'age.future');
  for (const [unit, size] of steps) {
    if (seconds >= size) {
      return new Intl.RelativeTimeFormat(language, { numeric: 'always' }).format(-Math.floor(seconds / size), unit);
    }
  }
  return fill(language, 'age.now');
}

/** Writes a time in the language's manner and the place's own clock. */
export function moment(language: Language, at: string | number | Date): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return String(at);
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' }).format(date);
}

/** Writes a number with at most `digits` digits after the point. */
export function number(language: Language, value: number, digits = 3): string {
  return value.toLocaleString(language, { maximumFractionDigits: digits });
}
