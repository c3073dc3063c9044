import { useEffect, useState } from 'react';
import { useAnswer } from '../../app/answer';
import { type Agent, readAgents, readRejects } from '../../api/city';
import { age, moment, number } from '../../i18n/format';
import { useWords } from '../../i18n/language';
import type { TextKey } from '../../i18n/ja';
import { useNow } from '../../parts/clock';
import { Loading, Trouble } from '../../parts/Trouble';

const every = 10_000;
const states: Readonly<Record<string, readonly [TextKey, string]>> = {
  running: ['devices.state.running', 'tag--good'],
  starting: ['devices.state.starting', 'tag--busy'],
  idle: ['devices.state.idle', ''],
  stopped: ['devices.state.stopped', ''],
  trouble: ['devices.state.trouble', 'tag--wrong'],
};

/** Shows how the agents are: what came in, what was written, and what did not fit and why. */
export default function DevicesScreen() {
  const { t } = useWords();
  const answer = useAnswer('agents', readAgents);
  const { reload } = answer;
  useEffect(() => {
    const timer = setInterval(reload, every);
    return () => clearInterval(timer);
  }, [reload]);
  const agents = answer.data ?? [];
  return (
    <div className="page">
      <h1>{t('devices.title')}</h1>
      <p className="page__lead">{t('devices.lead')} {t('devices.refresh')}</p>
      {answer.problem && <Trouble problem={answer.problem} retry={reload} />}
      {!answer.data && answer.loading && <Loading />}
      {answer.data && agents.length === 0 && <p>{t('devices.none')}{' '}{t('devices.noneRemedy')}</p>}
      <div className="agents">{agents.map((agent) => <AgentPanel key={agent.id} agent={agent} />)}</div>
    </div>
  );
}

function AgentPanel({ agent }: { agent: Agent }) {
  const { t, title, language } = useWords();
  const now = useNow();
  const [open, setOpen] = useState(false);
  const name = title(agent.title, agent.id);
  const [key, tone] = states[agent.state] ?? [null, ''];
  const figures: readonly (readonly [TextKey, number])[] = [
    ['devices.received', agent.received], ['devices.written', agent.written],
    ['devices.rejected', agent.rejected], ['devices.spooled', agent.spooled],
  ];
  return (
    <section className="agent" aria-labelledby={`agent-${agent.id}`}>
      <div className="agent__head">
        <h2 id={`agent-${agent.id}`}>{name}</h2>
        <span className={`tag ${tone}`}>{key ? t(key) : agent.state}</span>
      </div>
      <dl className="figures">
        {figures.map(([label, value]) => (
          <div key={label} className={label === 'devices.rejected' && value > 0 ? 'figures__wrong' : undefined}>
            <dt>{t(label)}</dt><dd>{number(language, value)}</dd>
          </div>
        ))}
      </dl>
      {Object.entries(agent.troubles).map(([source, text]) => (
        <p key={source} className="field__mistake" lang="en">{t('devices.trouble', { name: source, text })}</p>
      ))}
      <dl className="facts">
        {agent.last_message_at && (
          <div><dt>{t('devices.last')}</dt><dd>{age(language, agent.last_message_at, now)}</dd></div>
        )}
        {agent.last_error && (
          <div>
            <dt>{t('devices.lastError')}</dt>
            <dd><span lang="en">{agent.last_error}</span>{agent.last_error_at && ` (${moment(language, agent.last_error_at)})`}</dd>
          </div>
        )}
        {agent.profiles.length > 0 && <div><dt>{t('devices.profiles')}</dt><dd>{agent.profiles.map((one) => title(one.title, one.id)).join(language === 'ja' ? '、' : ', ')}</dd></div>}
      </dl>
      <button type="button" className="button" aria-expanded={open} onClick={() => setOpen(!open)}>
        {t(open ? 'devices.hideRejects' : 'devices.showRejects')}
      </button>
      {open && <Rejects agent={agent} name={name} />}
    </section>
  );
}

function Rejects({ agent, name }: { agent: Agent; name: string }) {
  const { t, language } = useWords();
  const answer = useAnswer(`rejects ${agent.id} ${agent.rejected}`, (server, signal) => readRejects(server, agent.id, signal));
  if (answer.problem) return <Trouble problem={answer.problem} retry={answer.reload} />;
  if (!answer.data) return <Loading />;
  if (answer.data.length === 0) return <p>{t('devices.rejectsNone')}</p>;
  return (
    <div className="table-box" tabIndex={0} role="region" aria-label={t('devices.rejects', { title: name })}>
      <table className="table table--dense">
        <thead>
          <tr>
            <th scope="col">{t('devices.at')}</th><th scope="col">{t('devices.source')}</th>
            <th scope="col">{t('devices.reason')}</th><th scope="col">{t('devices.payload')}</th>
          </tr>
        </thead>
        <tbody>
          {answer.data.map((reject, index) => (
            <tr key={index}>
              <td className="table__time">{moment(language, reject.at)}</td>
              <td>{reject.source}</td>
              <td lang="en">{reject.reason}</td>
              <td><code className="payload">{reject.payload}</code></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
