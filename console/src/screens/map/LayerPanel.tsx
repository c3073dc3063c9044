import { useState } from 'react';
import type { Layer, LayerGroup } from '../../api/city';
import { hrefOf, Link } from '../../app/routing';
import { number } from '../../i18n/format';
import { useWords } from '../../i18n/language';
import { glyphs } from '../../map/glyphs';
import { Icon } from '../../parts/Icon';

interface Props {
  groups: readonly LayerGroup[];
  hidden: ReadonlySet<string>;
  setHidden: (hidden: ReadonlySet<string>) => void;
}

/** Draws a type's sign as on the map: the legend. */
export function Sign({ color, icon, title }: { color: string; icon: string; title: string }) {
  const glyph = glyphs[icon];
  return (
    <svg className="sign" viewBox="0 0 28 28" width="24" height="24" aria-hidden="true">
      <circle cx="14" cy="14" r="12" fill={color} />
      {glyph
        ? <path d={glyph} transform="translate(6.5 6.5) scale(.625)" />
        : <text x="14" y="18.5" textAnchor="middle">{[...title][0]}</text>}
    </svg>
  );
}

/** Tells whether any of a type's entities has a place; a type without is only in the list. */
function isMapped(layer: Layer): boolean {
  return layer.shapes.length > 0;
}

function Unmapped({ layer, text }: { layer: Layer; text: string }) {
  const { t, language } = useWords();
  return (
    <li>
      <Link className="layer layer--unmapped" href={hrefOf('entities', { type: layer.type })} title={t('map.unmapped', { title: text })}>
        <Icon name="list" size={16} />
        <Sign color={layer.color} icon={layer.icon} title={text} />
        <span className="layer__title">{text}</span>
        <span className="layer__count">{number(language, layer.count)}</span>
      </Link>
    </li>
  );
}

function Group({ group, hidden, setHidden }: { group: LayerGroup } & Omit<Props, 'groups'>) {
  const { t, title, language } = useWords();
  const [open, setOpen] = useState(true);
  const name = title(group.title, group.field);
  const types = group.layers.filter(isMapped).map((layer) => layer.type);
  const shown = types.filter((type) => !hidden.has(type)).length;
  const switchTo = (names: readonly string[], on: boolean) => {
    const next = new Set(hidden);
    for (const one of names) if (on) next.delete(one); else next.add(one);
    setHidden(next);
  };
  return (
    <section className="group">
      <div className="group__head">
        {types.length > 0 && <input
          type="checkbox" className="check" checked={shown > 0} aria-label={t('map.field', { title: name, n: types.length })}
          ref={(box) => { if (box) box.indeterminate = shown > 0 && shown < types.length; }}
          onChange={() => switchTo(types, shown < types.length)}
        />}
        <h3 className="group__title">
          <button type="button" className="group__open" aria-expanded={open} onClick={() => setOpen(!open)}>
            <span>{name}</span>
            <Icon name="down" size={16} />
          </button>
        </h3>
      </div>
      {open && (
        <ul className="group__layers">
          {group.layers.map((layer) => {
            const text = title(layer.title, layer.type);
            if (!isMapped(layer)) return <Unmapped key={layer.type} layer={layer} text={text} />;
            return (
              <li key={layer.type}>
                <label className="layer">
                  <input
                    type="checkbox" className="check" checked={!hidden.has(layer.type)}
                    onChange={(event) => switchTo([layer.type], event.target.checked)}
                  />
                  <Sign color={layer.color} icon={layer.icon} title={text} />
                  <span className="layer__title">{text}</span>
                  <span className="layer__count">{number(language, layer.count)}</span>
                </label>
              </li>
            );
          })}
        </ul>
      )}
    </section>
  );
}

/** Lists the layers by field of the city, with their sign, count and switch. */
export function LayerPanel({ groups, hidden, setHidden }: Props) {
  const { t } = useWords();
  const types = groups.flatMap((group) => group.layers.filter(isMapped).map((layer) => layer.type));
  const total = groups.reduce((sum, group) => sum + group.layers.reduce((all, layer) => all + layer.count, 0), 0);
  return (
    <div className="layers">
      <div className="layers__head">
        <h2>{t('map.layers')}</h2>
        <span className="layers__total">{t('map.total', { n: total })}</span>
      </div>
      <div className="layers__tools">
        <button type="button" className="button button--small" onClick={() => setHidden(new Set())}>{t('map.all')}</button>
        <button type="button" className="button button--small" onClick={() => setHidden(new Set(types))}>{t('map.nothing')}</button>
        <Link className="layers__list" href={hrefOf('entities')}>{t('map.asList')}</Link>
      </div>
      {groups.map((group) => <Group key={group.field} group={group} hidden={hidden} setHidden={setHidden} />)}
    </div>
  );
}
