import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { formatDuration, formatNumber } from './format.js';
import { html } from './html.js';
import { formatMinute, zoneName } from './time.js';

/** @typedef {import('./requests.js').Minute} Minute */
/** @typedef {{ label: string, color: string, dash?: number[], select: (minute: Minute) => number | null }} Series */

const HEIGHT = 128;

/** A logarithmic scale from one power of ten to another: milliseconds and minutes fit on it. @type {uPlot.Scale} */
const DURATION_SCALE = {
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

/** Labels every tick; uPlot's default labels every other one. @param {uPlot} _plot @param {(number | null)[]} ticks */
const everyTick = (_plot, ticks) => ticks;

/** @param {number} seconds */
const formatClock = (seconds) => formatMinute(seconds * 1_000);

/** @param {string} name of a custom property in base.css */
const colorOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/**
 * Shows a chart with a title, a line of text (a summary, or the minute under the pointer) and the same data as a table.
 * @param {object} props
 * @param {string} props.title
 * @param {Minute[]} props.minutes
 * @param {'bars' | 'lines'} props.kind
 * @param {unknown} props.summary
 * @param {(minute: Minute) => string} props.describeMinute
 * @param {Series[]} props.series
 * @param {string} props.description for screen readers
 * @param {(n: number) => string} props.formatTick
 */
export function Chart({ title, minutes, kind, summary, describeMinute, series, description, formatTick }) {
  const container = useRef(/** @type {HTMLDivElement | null} */ (null));
  const plot = useRef(/** @type {uPlot | null} */ (null));
  const [hovered, setHovered] = useState(/** @type {number | null} */ (null));
  const dark = useDarkMode();
  const zone = zoneName();

  // A canvas does not follow the color scheme: another scheme needs a new plot. The next effect sets its data.
  useEffect(() => {
    if (!container.current) return;
    const { clientWidth } = container.current;
    const created = new uPlot(options(clientWidth, kind, series, formatTick, setHovered), [[]], container.current);
    plot.current = created;
    const resize = new ResizeObserver(
      ([entry]) => entry && created.setSize({ width: entry.contentRect.width, height: HEIGHT }),
    );
    resize.observe(container.current);
    return () => {
      resize.disconnect();
      created.destroy();
      plot.current = null;
    };
  }, [dark]);
  // The series depend on the kind only
  useEffect(() => {
    const times = minutes.map(({ at }) => Date.parse(at) / 1_000);
    plot.current?.setData([times, ...series.map(({ select }) => minutes.map(select))]);
  }, [minutes, dark, zone]);

  const minute = hovered === null ? undefined : minutes[hovered];
  return html`
    <figure class="panel chart">
      <figcaption>
        <h2>${title}</h2>
        <p class="note">${minute ? html`<b>${formatClock(Date.parse(minute.at) / 1_000)} ${zone}</b> ${describeMinute(minute)}` : summary}</p>
      </figcaption>
      <div ref=${container} class="plot" role="img" aria-label=${description}></div>
      <${MinuteTable} title=${title} minutes=${minutes} />
    </figure>
  `;
}

/** @param {{ title: string, minutes: Minute[] }} props */
function MinuteTable({ title, minutes }) {
  const [open, setOpen] = useState(false);
  const busy = minutes.filter(({ received }) => received > 0);
  const duration = (/** @type {number | null} */ ms) => (ms === null ? '–' : formatDuration(ms));
  return html`
    <details onToggle=${(/** @type {{ currentTarget: HTMLDetailsElement }} */ e) => setOpen(e.currentTarget.open)}>
      <summary aria-label=${`${title} as a table`}>Table</summary>
      ${
        open &&
        html`<div class="scroll" tabindex="0" role="region" aria-label=${`${title}, minute by minute`}><table>
        <thead><tr><th>Minute (${zoneName()})</th><th>Received</th><th>Failed</th><th>Median</th><th>p95</th></tr></thead>
        <tbody>
          ${busy.map((m) => html`<tr><td>${formatClock(Date.parse(m.at) / 1_000)}</td><td>${formatNumber(m.received)}</td><td>${formatNumber(m.failed)}</td><td>${duration(m.p50_ms)}</td><td>${duration(m.p95_ms)}</td></tr>`)}
          ${busy.length === 0 && html`<tr><td colspan="5">No alerts in the last hour.</td></tr>`}
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
 * @param {(n: number) => string} formatTick
 * @param {(index: number | null) => void} onHover
 * @returns {uPlot.Options}
 */
function options(width, kind, series, formatTick, onHover) {
  const grid = { stroke: colorOf('--border'), width: 1 };
  const axis = { stroke: colorOf('--muted'), font: '11px system-ui, sans-serif', ticks: { show: false } };
  return {
    width,
    height: HEIGHT,
    // Right: half of the last label of the x axis.
    padding: [8, 18, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { setScale: false, x: false, y: false }, points: { show: kind === 'lines' } },
    scales: {
      x: { time: true },
      y: kind === 'bars' ? { range: (_plot, _min, max) => [0, Math.max(max ?? 0, 4) * 1.1] } : DURATION_SCALE,
    },
    axes: [
      { ...axis, size: 22, gap: 4, grid: { show: false }, space: 60, values: (_plot, at) => at.map(formatClock) },
      {
        ...axis,
        size: 52,
        gap: 6,
        grid,
        space: 28,
        values: (_plot, at) => at.map(formatTick),
        ...(kind === 'lines' ? { splits: powersOfTen, filter: everyTick } : {}),
      },
    ],
    series: [{}, ...series.map((one) => seriesOptions(one, kind))],
    hooks: { setCursor: [(plot) => onHover(plot.cursor.idx ?? null)] },
  };
}

/** Returns the points without neighbours, which a line does not show. @param {uPlot} plot @param {number} series */
function isolatedPoints(plot, series) {
  const values = plot.data[series] ?? [];
  const isMissing = (/** @type {number} */ n) => (values[n] ?? null) === null;
  return [...values.keys()].filter((n) => !isMissing(n) && isMissing(n - 1) && isMissing(n + 1));
}

/** @param {Series} series @param {'bars' | 'lines'} kind @returns {uPlot.Series} */
function seriesOptions({ label, color, dash }, kind) {
  const stroke = colorOf(color);
  const paths = kind === 'bars' ? uPlot.paths.bars?.({ size: [0.7, 12], radius: 0.15 }) : uPlot.paths.linear?.();
  const shape = kind === 'bars' ? { width: 0, fill: stroke } : { width: 1.75, ...(dash ? { dash } : {}) };
  const points = kind === 'bars' ? { show: false } : { show: true, size: 6, fill: stroke, filter: isolatedPoints };
  return { label, stroke, ...shape, ...(paths ? { paths } : {}), points, spanGaps: false };
}

function useDarkMode() {
  const [dark, setDark] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches);
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)');
    const onChange = () => setDark(query.matches);
    query.addEventListener('change', onChange);
    return () => query.removeEventListener('change', onChange);
  }, []);
  return dark;
}
