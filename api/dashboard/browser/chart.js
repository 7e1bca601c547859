import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { number, span } from './format.js';
import { html } from './html.js';

/** @typedef {import('./requests.js').Minute} Minute */
/** @typedef {{ label: string, colour: string, of: (minute: Minute) => number | null }} Series */

const HEIGHT = 128;
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

/** Milliseconds to minutes on one scale: by powers of ten. @type {uPlot.Scale} */
const LATENCY_SCALE = {
  distr: 3,
  log: 10,
  range: (_plot, min, max) => [
    10 ** Math.floor(Math.log10(Math.max(min ?? 10, 1))),
    10 ** Math.ceil(Math.log10(Math.max(max ?? 100, 100) * 1.01)),
  ],
};

/** @param {uPlot} _plot @param {number} _axis @param {number} min @param {number} max */
const powersOfTen = (_plot, _axis, min, max) => {
  const first = Math.round(Math.log10(min));
  return Array.from({ length: Math.round(Math.log10(max)) - first + 1 }, (_, n) => 10 ** (first + n));
};

/** uPlot would label every other one. @param {uPlot} _plot @param {(number | null)[]} splits */
const all = (_plot, splits) => splits;

/** @param {number} seconds */
const clock = (seconds) => CLOCK.format(seconds * 1_000);

/** @param {string} name */
const colourOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/**
 * One panel: a heading, a line that tells the whole or the minute pointed at, the drawing, and the same as a table.
 * @param {object} props
 * @param {string} props.title
 * @param {Minute[]} props.minutes
 * @param {'bars' | 'lines'} props.kind
 * @param {unknown} props.value
 * @param {(minute: Minute) => string} props.told
 * @param {Series[]} props.series
 * @param {string} props.text what the drawing shows, for those who do not see it
 * @param {(n: number) => string} props.format
 */
export function Chart({ title, minutes, kind, value, told, series, text, format }) {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const plot = useRef(/** @type {uPlot | null} */ (null));
  const [pointed, setPointed] = useState(/** @type {number | null} */ (null));
  const scheme = useScheme();

  // Drawn anew for another colour scheme; data come below
  useEffect(() => {
    if (!box.current) return;
    const made = new uPlot(options(box.current.clientWidth, kind, series, format, setPointed), [[]], box.current);
    plot.current = made;
    const size = new ResizeObserver(
      ([entry]) => entry && made.setSize({ width: entry.contentRect.width, height: HEIGHT }),
    );
    size.observe(box.current);
    return () => {
      size.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [scheme]);
  // The series follow from the kind
  useEffect(() => {
    const times = minutes.map(({ at }) => Date.parse(at) / 1_000);
    plot.current?.setData([times, ...series.map(({ of }) => minutes.map(of))]);
  }, [minutes, scheme]);

  const minute = pointed === null ? undefined : minutes[pointed];
  return html`
    <figure class="panel chart">
      <figcaption>
        <h2>${title}</h2>
        <p class="note">${minute ? html`<b>${clock(Date.parse(minute.at) / 1_000)}</b> ${told(minute)}` : value}</p>
      </figcaption>
      <div ref=${box} class="plot" role="img" aria-label=${text}></div>
      <${Table} title=${title} minutes=${minutes} />
    </figure>
  `;
}

/** @param {{ title: string, minutes: Minute[] }} props */
function Table({ title, minutes }) {
  const [open, setOpen] = useState(false);
  const busy = minutes.filter(({ received }) => received > 0);
  const ms = (/** @type {number | null} */ n) => (n === null ? '–' : span(n));
  return html`
    <details onToggle=${(/** @type {{ currentTarget: HTMLDetailsElement }} */ e) => setOpen(e.currentTarget.open)}>
      <summary aria-label=${`${title} as a table`}>Table</summary>
      ${
        open &&
        html`<div class="scroll" tabindex="0" role="region" aria-label=${`${title}, minute by minute`}><table>
        <thead><tr><th>Minute</th><th>Received</th><th>Failed</th><th>Median</th><th>p95</th></tr></thead>
        <tbody>
          ${busy.map((m) => html`<tr><td>${clock(Date.parse(m.at) / 1_000)}</td><td>${number(m.received)}</td><td>${number(m.failed)}</td><td>${ms(m.p50_ms)}</td><td>${ms(m.p95_ms)}</td></tr>`)}
          ${busy.length === 0 && html`<tr><td colspan="5">Nothing was received in the last hour.</td></tr>`}
        </tbody>
      </table></div>`
      }
    </details>
  `;
}

/**
 * @param {number} width
 * @param {'bars' | 'lines'} kind
 * @param {Series[]} series
 * @param {(n: number) => string} format
 * @param {(index: number | null) => void} onPoint
 * @returns {uPlot.Options}
 */
function options(width, kind, series, format, onPoint) {
  const grid = { stroke: colourOf('--line'), width: 1 };
  const plain = { stroke: colourOf('--muted'), font: '11px system-ui, sans-serif', ticks: { show: false } };
  return {
    width,
    height: HEIGHT,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { setScale: false, x: false, y: false }, points: { show: kind === 'lines' } },
    scales: {
      x: { time: true },
      y: kind === 'bars' ? { range: (_plot, _min, max) => [0, Math.max(max ?? 0, 4) * 1.1] } : LATENCY_SCALE,
    },
    axes: [
      { ...plain, size: 22, gap: 4, grid: { show: false }, space: 60, values: (_plot, at) => at.map(clock) },
      {
        ...plain,
        size: 52,
        gap: 6,
        grid,
        space: 28,
        values: (_plot, at) => at.map(format),
        ...(kind === 'lines' ? { splits: powersOfTen, filter: all } : {}),
      },
    ],
    series: [{}, ...series.map((one) => drawn(one, kind))],
    hooks: { setCursor: [(plot) => onPoint(plot.cursor.idx ?? null)] },
  };
}

/** @param {Series} series @param {'bars' | 'lines'} kind @returns {uPlot.Series} */
function drawn({ label, colour }, kind) {
  const stroke = colourOf(colour);
  const paths = kind === 'bars' ? uPlot.paths.bars?.({ size: [0.7, 12], radius: 0.15 }) : uPlot.paths.linear?.();
  const form = kind === 'bars' ? { width: 0, fill: stroke } : { width: 1.5 };
  return { label, stroke, ...form, ...(paths ? { paths } : {}), points: { show: false }, spanGaps: false };
}

/** Whether it is dark: colours on a canvas do not change by themselves. */
function useScheme() {
  const [dark, setDark] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches);
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)');
    const turn = () => setDark(query.matches);
    query.addEventListener('change', turn);
    return () => query.removeEventListener('change', turn);
  }, []);
  return dark;
}
