import { formatCount, formatDuration, formatNumber } from './format.js';
import { html } from './html.js';

const WIDTH = 120;
const HEIGHT = 24;

/**
 * Shows how many alerts each part of a period has as a bar, and how many of them failed as its lower, red part.
 * @param {{ alerts: number[], failed: number[], bucketSeconds: number }} props
 */
export function Sparkline({ alerts, failed, bucketSeconds }) {
  const most = Math.max(1, ...alerts);
  const step = WIDTH / Math.max(1, alerts.length);
  // One path for all bars: with 100 stores, there are 2,800.
  const bars = (/** @type {number[]} */ counts) =>
    counts.map((count, n) => bar(n * step, step - 1, count / most)).join('');
  return html`
    <svg class="sparkline" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} width=${WIDTH} height=${HEIGHT} role="img" aria-label=${describe(alerts, failed, bucketSeconds)}>
      <path class="base" d=${`M0 ${HEIGHT - 0.5}h${WIDTH}`} />
      <path class="alerts" d=${bars(alerts)} />
      <path class="failed" d=${bars(failed)} />
    </svg>
  `;
}

/** Returns the path of a bar; one of few alerts is still visible. @param {number} x @param {number} width @param {number} part */
function bar(x, width, part) {
  if (part === 0) return '';
  const height = Math.max(1.5, part * (HEIGHT - 1));
  return `M${x.toFixed(1)} ${HEIGHT}v${(-height).toFixed(1)}h${width.toFixed(1)}v${height.toFixed(1)}z`;
}

/** @param {number[]} alerts @param {number[]} failed @param {number} bucketSeconds */
function describe(alerts, failed, bucketSeconds) {
  const sum = (/** @type {number[]} */ counts) => counts.reduce((all, count) => all + count, 0);
  if (sum(alerts) === 0) return 'No alerts';
  const most = `at most ${formatNumber(Math.max(...alerts))} in ${formatDuration(bucketSeconds * 1_000)}`;
  return `${formatCount(sum(alerts), 'alert')}, ${formatNumber(sum(failed))} failed; ${most}`;
}
