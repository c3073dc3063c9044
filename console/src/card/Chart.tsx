import { LineChart, ScatterChart } from 'echarts/charts';
import { GridComponent, TooltipComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';
import { useEffect, useRef } from 'react';
import { type Instance, type Sample, timeOf } from '../api/ngsi';
import { moment } from '../i18n/format';
import { useWords } from '../i18n/language';
import { written } from './values';

use([LineChart, ScatterChart, GridComponent, TooltipComponent, CanvasRenderer]);

interface Props {
  samples: readonly Sample[];
  edits: readonly Instance[];
  since: Date;
  latest: unknown;
  label: string;
  unit: string;
}

const font = "'Noto Sans JP Variable', sans-serif";
const ink = '#4d4d4d';
const blue = '#0017c1';
const orange = '#ac3e00';

function extreme(values: readonly number[], choose: (a: number, b: number) => number): number | undefined {
  return values.length === 0 ? undefined : values.reduce((a, b) => choose(a, b));
}

/** Draws an attribute's numbers over time; what a person corrected is marked. The summary stands for it in words. */
export default function Chart({ samples, edits, since, latest, label, unit }: Props) {
  const { language, t } = useWords();
  const holder = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!holder.current) return undefined;
    const chart = init(holder.current, null, { renderer: 'canvas' });
    const resize = new ResizeObserver(() => chart.resize());
    resize.observe(holder.current);
    const line = (pick: (sample: Sample) => number) => samples.map((sample) => [sample.at, pick(sample)]);
    const spread = samples.some(({ low, high }) => low !== high);
    const marks = edits.filter(({ value }) => typeof value === 'number').map((one) => [Date.parse(timeOf(one)), one.value as number]);
    chart.setOption({
      animation: false,
      textStyle: { fontFamily: font, color: ink },
      grid: { left: 8, right: 16, top: 16, bottom: 8, containLabel: true },
      tooltip: {
        trigger: 'axis', renderMode: 'richText', confine: true,
        formatter: (points: { value: [number, number] }[]) =>
          points[0] ? `${moment(language, points[0].value[0])}\n${label} ${written(points[0].value[1], language)}${unit}` : '',
      },
      xAxis: {
        type: 'time', min: since.getTime(), max: Date.now(), axisLabel: { color: ink, hideOverlap: true, fontSize: 11 },
        axisLine: { lineStyle: { color: '#949494' } },
      },
      yAxis: {
        type: 'value', scale: true, axisLabel: { color: ink, fontSize: 11 }, splitLine: { lineStyle: { color: '#e6e6e6' } },
      },
      series: [
        {
          type: 'line', name: label, data: line(({ value }) => value), showSymbol: samples.length < 30, symbolSize: 5,
          sampling: 'lttb', lineStyle: { width: 2, color: blue }, itemStyle: { color: blue }, z: 3,
          ...(spread ? {} : { areaStyle: { color: 'rgba(0,23,193,0.06)', origin: 'start' } }),
        },
        // Between the least and the greatest of each period: an unseen line, and the band stacked on it.
        ...(spread ? [
          { type: 'line', stack: 'band', data: line(({ low }) => low), showSymbol: false, lineStyle: { opacity: 0 }, silent: true },
          {
            type: 'line', stack: 'band', data: line(({ low, high }) => high - low), showSymbol: false, silent: true,
            lineStyle: { opacity: 0 }, areaStyle: { color: 'rgba(0,23,193,0.14)' },
          },
        ] : []),
        { type: 'scatter', name: t('history.mark'), data: marks, symbol: 'diamond', symbolSize: 12, itemStyle: { color: orange } },
      ],
    });
    return () => {
      resize.disconnect();
      chart.dispose();
    };
  }, [samples, edits, since, label, unit, language, t]);
  const text = (value: number | undefined) => (value === undefined ? '' : `${written(value, language)}${unit}`);
  const summary = t('history.summary', {
    title: label, n: samples.reduce((sum, { count }) => sum + count, 0), last: text(typeof latest === 'number' ? latest : samples.at(-1)?.value),
    min: text(extreme(samples.map(({ low }) => low), Math.min)), max: text(extreme(samples.map(({ high }) => high), Math.max)),
  });
  return (
    <figure className="chart">
      <div ref={holder} className="chart__canvas" role="img" aria-label={summary} />
      <figcaption className="quiet">
        {summary}
        {edits.length > 0 && <span className="chart__mark">◆ {t('history.mark')}</span>}
      </figcaption>
    </figure>
  );
}
