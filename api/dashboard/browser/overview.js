import { Chart } from './chart.js';
import { formatAge, formatCount, formatDuration, formatNumber, formatShortNumber } from './format.js';
import { html } from './html.js';
import { STATUS_LABELS, StatusIcon } from './status.js';

/** @typedef {import('./requests.js').Statistics} Statistics */
/** @typedef {import('./requests.js').Minute} Minute */
/** @typedef {import('./view.js').View} View */

const STATUSES = /** @type {const} */ (['pending', 'processing', 'processed', 'failed']);
const OVERDUE_MS = 60_000;

/**
 * Shows the number of alerts per status, and two charts of the last hour.
 * @param {{ statistics: Statistics | null, view: View, navigate: (changes: Partial<View>) => void, period: string }} props
 */
export function Overview({ statistics, view, navigate, period }) {
  return html`
    <section class="overview" aria-label="Overview">
      <${Counts} statistics=${statistics} view=${view} navigate=${navigate} period=${period} />
      <${Throughput} minutes=${statistics?.minutes ?? []} />
      <${ProcessingTime} minutes=${statistics?.minutes ?? []} />
    </section>
  `;
}

/** @param {{ statistics: Statistics | null, view: View, navigate: (changes: Partial<View>) => void, period: string }} props */
function Counts({ statistics, view, navigate, period }) {
  const oldest = statistics?.oldest_open_at;
  const oldestMs = oldest ? Date.now() - Date.parse(oldest) : 0;
  return html`
    <div class="panel counts">
      <h2>${period}</h2>
      <div class="tiles">
        ${STATUSES.map((status) => {
          const selected = view.status === status;
          return html`
            <button class="tile ${status}" aria-pressed=${selected}
              onClick=${() => navigate({ status: selected ? '' : status, ...(status === 'failed' ? {} : { failure_code: '' }) })}>
              <b title=${statistics && formatNumber(statistics.counts[status])}>${statistics ? formatShortNumber(statistics.counts[status]) : '–'}</b>
              <span><${StatusIcon} status=${status} />${STATUS_LABELS[status]}</span>
            </button>
          `;
        })}
      </div>
      <p class=${oldestMs > OVERDUE_MS ? 'note overdue' : 'note'}>
        ${oldest ? html`Oldest waiting alert: <b>${formatAge(oldestMs)}</b>` : statistics ? 'No alerts are waiting.' : ' '}
        ${statistics && !statistics.complete && html`<br />Counts cover the newest ${formatNumber(statistics.counted)} alerts.`}
      </p>
    </div>
  `;
}

/** @param {{ minutes: Minute[] }} props */
function Throughput({ minutes }) {
  const received = minutes.reduce((sum, minute) => sum + minute.received, 0);
  const failed = minutes.reduce((sum, minute) => sum + minute.failed, 0);
  return html`
    <${Chart} title="Received per minute" minutes=${minutes} kind="bars"
      summary=${html`<b>${formatNumber(received)}</b> in the last hour, <b class="failure">${formatNumber(failed)}</b> failed`}
      describeMinute=${(/** @type {Minute} */ m) => `${m.received} received${m.failed > 0 ? `, ${m.failed} failed` : ''}`}
      series=${[
        { label: 'received', color: '--chart-bar', select: (/** @type {Minute} */ m) => m.received },
        { label: 'failed', color: '--failed', select: (/** @type {Minute} */ m) => m.failed },
      ]}
      description=${`Bar chart of the last hour: ${formatCount(received, 'alert')} received, ${formatNumber(failed)} failed.`}
      formatTick=${(/** @type {number} */ n) => (Number.isInteger(n) ? formatNumber(n) : '')} />
  `;
}

/** Formats a tick of the logarithmic axis: a power of ten. @param {number} ms */
function formatPowerOfTen(ms) {
  return ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`;
}

/** @param {{ minutes: Minute[] }} props */
function ProcessingTime({ minutes }) {
  const last = minutes.findLast((minute) => minute.p50_ms !== null);
  const worst = minutes.reduce((max, minute) => Math.max(max, minute.p95_ms ?? 0), 0);
  return html`
    <${Chart} title="Processing time" minutes=${minutes} kind="lines"
      summary=${
        last
          ? html`<i class="swatch p50"></i>median <b>${formatDuration(last.p50_ms ?? 0)}</b> <i class="swatch p95"></i>p95 <b>${formatDuration(last.p95_ms ?? 0)}</b> now`
          : 'no results in the last hour'
      }
      describeMinute=${(/** @type {Minute} */ m) => (m.p50_ms === null ? 'no results' : `median ${formatDuration(m.p50_ms)}, p95 ${formatDuration(m.p95_ms ?? 0)}`)}
      series=${[
        { label: 'p95', color: '--p95', select: (/** @type {Minute} */ m) => m.p95_ms },
        { label: 'median', color: '--p50', dash: [6, 4], select: (/** @type {Minute} */ m) => m.p50_ms },
      ]}
      description=${last ? `Line chart of the last hour: processing time from receipt to result; the highest p95 of a minute was ${formatDuration(worst)}.` : 'Empty line chart: no results in the last hour.'}
      formatTick=${formatPowerOfTen} />
  `;
}
