import { lazy, Suspense, useEffect, useMemo, useRef, useState } from 'react';
import { useAnswer } from '../app/answer';
import { useVocabulary } from '../app/vocabulary';
import { attributesOf, type Entity, type Instance, instanceOf, mainType, readInstances, readPeriods, readSamples, timeOf } from '../api/ngsi';
import type { Wording } from '../api/vocabulary';
import { moment } from '../i18n/format';
import { useWords } from '../i18n/language';
import { Boundary } from '../parts/Boundary';
import { Loading, Trouble } from '../parts/Trouble';
import { contentOf, written } from './values';

const Chart = lazy(() => import('./Chart'));

const spans = { day: 1, week: 7, month: 30 } as const;
/** Says over which periods long spans are drawn; a day is drawn value by value. */
const periods = { day: null, week: 'PT30M', month: 'PT2H' } as const;
type Span = keyof typeof spans;
const oneDay = 86_400_000;
const rowsShown = 100;
const editPause = 500;
const devicePause = 5_000;

/** Shows how one attribute was: as a chart where it is a number, and as a table with who wrote each value. */
export function History({ entity }: { entity: Entity }) {
  const { t, title } = useWords();
  const vocabulary = useVocabulary();
  const names = useMemo(() => historic(entity), [entity]);
  const [name, setName] = useState(names[0] ?? '');
  const [span, setSpan] = useState<Span>('day');
  const [view, setView] = useState<'chart' | 'table' | null>(null);
  const instance = instanceOf(entity, name);
  const numeric = typeof instance?.value === 'number';
  const shown = view ?? (numeric ? 'chart' : 'table');
  if (names.length === 0) return null;
  return (
    <section className="history" aria-labelledby="card-history">
      <h3 id="card-history" className="card__section">{t('card.history')}</h3>
      <div className="history__tools">
        <label className="field field--inline">
          <span className="visually-hidden">{t('history.attribute')}</span>
          <select className="select select--small" value={name} onChange={(event) => setName(event.target.value)}>
            {names.map((one) => (
              <option key={one} value={one}>{title(vocabulary.attributeTitle(mainType(entity), one), one)}</option>
            ))}
          </select>
        </label>
        <Choice label={t('history.span')} value={span} set={setSpan} options={(['day', 'week', 'month'] as const).map((one) => [one, t(`history.${one}`)])} />
        {numeric && (
          <Choice label={t('history.view')} value={shown} set={setView} options={[['chart', t('history.chart')], ['table', t('history.table')]]} />
        )}
      </div>
      <Past entity={entity} name={name} span={span} asChart={shown === 'chart' && numeric} newest={instance ? timeOf(instance) : ''} />
    </section>
  );
}

/** Lists the attributes worth a history: numbers first, measured ones before others. */
function historic(entity: Entity): string[] {
  const rank = (instance: Instance | undefined) =>
    (typeof instance?.value === 'number' ? 0 : 2) + (instance?.observedAt ? 0 : 1);
  return attributesOf(entity)
    .filter(([, [first]]) => first?.type === 'Property' || first?.type === 'GeoProperty' || first?.type === 'LanguageProperty')
    .map(([name, [first]]) => [name, rank(first)] as const)
    .sort((a, b) => a[1] - b[1])
    .map(([name]) => name);
}

function Choice<T extends string>({ label, value, set, options }: {
  label: string; value: T; set: (value: T) => void; options: readonly (readonly [T, string])[];
}) {
  return (
    <div className="choice" role="group" aria-label={label}>
      {options.map(([one, text]) => (
        <button key={one} type="button" className="choice__one" aria-pressed={one === value} onClick={() => set(one)}>{text}</button>
      ))}
    </div>
  );
}

function Past({ entity, name, span, asChart, newest }: {
  entity: Entity; name: string; span: Span; asChart: boolean; newest: string;
}) {
  const { t, title } = useWords();
  const vocabulary = useVocabulary();
  const type = mainType(entity);
  const answer = useAnswer(`history ${entity.id} ${name} ${span} ${asChart}`, async (server, signal) => {
    const now = instanceOf(entity, name);
    const past = {
      id: entity.id,
      attribute: name,
      since: new Date(Date.now() - spans[span] * oneDay),
      clock: now?.observedAt && !now.editedBy ? 'observedAt' : 'modifiedAt',
    } as const;
    const period = periods[span];
    const samples = () => (period ? readPeriods(server, past, period, signal) : readSamples(server, past, signal));
    const [instances, drawn] = await Promise.all([
      readInstances(server, { ...past, last: rowsShown }, signal),
      asChart ? samples() : [],
    ]);
    return { instances, samples: drawn, since: past.since };
  });
  const reload = answer.reload;
  const edited = instanceOf(entity, name)?.editedBy !== undefined;
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  useEffect(() => {
    // The value just shown above belongs to the history too: at once when a person wrote it, else now and then.
    if (!newest || (timer.current && !edited)) return;
    if (timer.current) clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      timer.current = null;
      reload();
    }, edited ? editPause : devicePause);
  }, [newest, edited, reload]);
  useEffect(() => () => {
    if (timer.current) clearTimeout(timer.current);
    timer.current = null;
  }, []);
  if (answer.problem && !answer.data && answer.problem.kind !== 'missing') return <Trouble problem={answer.problem} retry={reload} />;
  if (!answer.data && answer.loading) return <Loading />;
  const { instances, samples, since } = answer.data ?? { instances: [], samples: [], since: new Date() };
  if (instances.length === 0) return <p className="quiet">{t('history.nothing')}</p>;
  const label = title(vocabulary.attributeTitle(type, name), name);
  const unit = vocabulary.unit(type, name, instances[0]?.unitCode);
  const table = <Table instances={instances} label={label} unit={unit} wording={vocabulary.wording(type, name)} />;
  if (!asChart) return table;
  return (
    <Boundary fallback={table}>
      <Suspense fallback={<Loading />}>
        <Chart samples={samples} edits={instances.filter(({ editedBy }) => editedBy)} since={since} latest={instances[0]?.value} label={label} unit={unit} />
      </Suspense>
    </Boundary>
  );
}

function Table({ instances, label, unit, wording }: {
  instances: readonly Instance[]; label: string; unit: string; wording: Wording;
}) {
  const { t, language } = useWords();
  return (
    <div className="history__table" tabIndex={0} role="region" aria-label={`${t('card.history')} ${label}`}>
      <table className="table table--dense">
        <thead>
          <tr><th scope="col">{t('history.time')}</th><th scope="col">{t('history.value')}</th><th scope="col">{t('history.who')}</th></tr>
        </thead>
        <tbody>
          {instances.map((instance, index) => (
            <tr key={index}>
              <td>{moment(language, timeOf(instance))}</td>
              <td>{written(contentOf(instance, language), language, wording)}{typeof instance.value === 'number' ? unit : ''}</td>
              <td>{typeof instance.editedBy?.value === 'string' ? instance.editedBy.value : t('history.automatic')}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {instances.length >= rowsShown && <p className="quiet">{t('history.latest', { n: instances.length })}</p>}
    </div>
  );
}
