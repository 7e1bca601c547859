import type { Simulation } from './simulate.ts';

const WIDTH = 720;
const LEFT = 64;
const RIGHT = 120;
const PANEL_HEIGHT = 130;
const PANEL_GAP = 46;
const TOP = 56;

type Series = { label: string; className: string; values: (number | null)[] };
type Panel = { title: string; series: Series[] };

/** Colours for light pages; a page with a dark background gets the second set. */
const STYLE = `
  svg { background: #ffffff; font: 12px system-ui, sans-serif; }
  text { fill: #1f2328; } .axis { stroke: #d1d9e0; } path { fill: none; stroke-width: 2; }
  .a { stroke: #0969da; } .b { stroke: #bc4c00; } .c { stroke: #1a7f37; }
  text.a { fill: #0969da; stroke: none; } text.b { fill: #bc4c00; stroke: none; } text.c { fill: #1a7f37; stroke: none; }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117; } text { fill: #f0f6fc; } .axis { stroke: #3d444d; }
    .a { stroke: #4493f8; } .b { stroke: #f0883e; } .c { stroke: #3fb950; }
    text.a { fill: #4493f8; } text.b { fill: #f0883e; } text.c { fill: #3fb950; }
  }`;

/** Returns a static SVG with the alerts, latencies and memory of each hour of the simulated day. */
export function renderChart({ stores, alerts, seconds, hours }: Simulation): string {
  const panels: Panel[] = [
    {
      title: 'alerts per hour',
      series: [{ label: 'alerts', className: 'a', values: hours.map((each) => each.alerts) }],
    },
    {
      title: 'milliseconds from POST to result, stores without a burst',
      series: [
        { label: 'p95', className: 'b', values: hours.map(({ p95Ms }) => p95Ms) },
        { label: 'p50', className: 'a', values: hours.map(({ p50Ms }) => p50Ms) },
      ],
    },
    {
      title: 'memory, MiB',
      series: (['worker', 'api', 'redis'] as const).map((service, index) => ({
        label: service,
        className: 'bac'[index] ?? 'a',
        values: hours.map(({ memoryMib }) => memoryMib?.[service] ?? null),
      })),
    },
  ];
  const height = TOP + panels.length * (PANEL_HEIGHT + PANEL_GAP);
  const title = `A day of ${stores.toLocaleString('en-US')} stores in ${seconds} s, ${alerts.toLocaleString('en-US')} alerts`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${title}">`,
    `<style>${STYLE}\n</style>`,
    `<text x="${LEFT}" y="22" font-weight="600">${title}</text>`,
    ...panels.map((panel, index) => renderPanel(panel, TOP + index * (PANEL_HEIGHT + PANEL_GAP))),
    '</svg>\n',
  ].join('\n');
}

function renderPanel({ title, series }: Panel, top: number): string {
  const max = Math.max(1, ...series.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const bottom = top + PANEL_HEIGHT;
  const right = WIDTH - RIGHT;
  const hours = series[0]?.values.length ?? 0;
  const x = (hour: number) => LEFT + ((right - LEFT) * hour) / Math.max(1, hours - 1);
  const y = (value: number) => bottom - (PANEL_HEIGHT * value) / max;
  const gridLine = (value: number) =>
    `<line class="axis" x1="${LEFT}" x2="${right}" y1="${round(y(value))}" y2="${round(y(value))}"/>` +
    `<text x="${LEFT - 8}" y="${round(y(value) + 4)}" text-anchor="end">${Math.round(value)}</text>`;
  const hourLabels = [0, 6, 12, 18, 23].map(
    (hour) => `<text x="${round(x(hour))}" y="${bottom + 16}" text-anchor="middle">${hour} h</text>`,
  );
  return [
    `<text x="${LEFT}" y="${top - 8}">${title}</text>`,
    ...[0, max / 2, max].map(gridLine),
    ...hourLabels,
    ...series.map(({ className, values }) => `<path class="${className}" d="${pathOf(values, x, y)}"/>`),
    ...labelsOf(series, y).map(
      ({ label, className, at }) => `<text class="${className}" x="${right + 8}" y="${round(at)}">${label}</text>`,
    ),
  ].join('\n');
}

/** Returns the labels at the end of the lines, at least one line of text apart. */
function labelsOf(series: Series[], y: (value: number) => number): { label: string; className: string; at: number }[] {
  const labels = series
    .map(({ label, className, values }) => ({ label, className, at: y(values.at(-1) ?? 0) + 4 }))
    .sort((a, b) => b.at - a.at);
  labels.forEach((label, index) => {
    const below = labels[index - 1];
    if (below) label.at = Math.min(label.at, below.at - 14);
  });
  return labels;
}

/** Returns the line through the values; it is interrupted where there is none. */
function pathOf(values: Series['values'], x: (hour: number) => number, y: (value: number) => number): string {
  return values
    .map((value, hour) => {
      if (value === null) return '';
      const moves = hour === 0 || values[hour - 1] === null;
      return `${moves ? 'M' : 'L'}${round(x(hour))} ${round(y(value))}`;
    })
    .join('');
}

function round(value: number): string {
  return value.toFixed(1);
}
