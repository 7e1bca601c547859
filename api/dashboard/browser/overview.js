import { Chart } from './chart.js';
import { age, count, number, short, span } from './format.js';
import { html } from './html.js';
import { STATUS_WORDS, StatusIcon } from './status.js';

/** @typedef {import('./requests.js').Statistics} Statistics */
/** @typedef {import('./requests.js').Minute} Minute */
/** @typedef {import('./view.js').View} View */

const STATUSES = /** @type {const} */ (['pending', 'processing', 'processed', 'failed']);

/**
 * How many there are of each status, and the last hour as two charts.
 * @param {{ statistics: Statistics | null, view: View, go: (changes: Partial<View>) => void, period: string }} props
 */
export function Overview({ statistics, view, go, period }) {
  return html`
    <section class="overview" aria-label="Overview">
      <${Counts} statistics=${statistics} view=${view} go=${go} period=${period} />
      <${Throughput} minutes=${statistics?.minutes ?? []} />
      <${Latency} minutes=${statistics?.minutes ?? []} />
    </section>
  `;
}

/** @param {{ statistics: Statistics | null, view: View, go: (changes: Partial<View>) => void, period: string }} props */
function Counts({ statistics, view, go, period }) {
  const oldest = statistics?.oldest_open_at;
  const late = oldest ? Date.now() - Date.parse(oldest) : 0;
  return html`
    <div class="panel counts">
      <h2>${period}</h2>
      <div class="tiles">
        ${STATUSES.map((status) => {
          const chosen = view.status === status;
          return html`
            <button class="tile ${status}" aria-pressed=${chosen}
              onClick=${() => go({ status: chosen ? '' : status, ...(status === 'failed' ? {} : { failure_code: '' }) })}>
              <b title=${statistics && number(statistics.counts[status])}>${statistics ? short(statistics.counts[status]) : '–'}</b>
              <span><${StatusIcon} status=${status} />${STATUS_WORDS[status]}</span>
            </button>
          `;
        })}
      </div>
      <p class=${late > 60_000 ? 'note late' : 'note'}>
        ${oldest ? html`The longest waiting came <b>${age(late)}</b> ago.` : statistics ? 'Nothing is waiting.' : ' '}
        ${statistics && !statistics.complete && html` Counted are the newest ${number(statistics.counted)}.`}
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
      value=${html`<b>${number(received)}</b> in the last hour, <b class="bad">${number(failed)}</b> failed`}
      told=${(/** @type {Minute} */ m) => `${m.received} received${m.failed > 0 ? `, ${m.failed} failed` : ''}`}
      series=${[
        { label: 'received', colour: '--bar', of: (/** @type {Minute} */ m) => m.received },
        { label: 'failed', colour: '--failed', of: (/** @type {Minute} */ m) => m.failed },
      ]}
      text=${`Bar chart of the last hour: ${count(received, 'alert')} received, ${number(failed)} failed.`}
      format=${(/** @type {number} */ n) => (Number.isInteger(n) ? number(n) : '')} />
  `;
}

/** Of an axis, where all are powers of ten. @param {number} ms */
function power(ms) {
  return ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`;
}

/** @param {{ minutes: Minute[] }} props */
function Latency({ minutes }) {
  const last = minutes.findLast((minute) => minute.p50_ms !== null);
  const worst = minutes.reduce((most, minute) => Math.max(most, minute.p95_ms ?? 0), 0);
  return html`
    <${Chart} title="Receipt to result" minutes=${minutes} kind="lines"
      value=${
        last
          ? html`<i class="swatch p50"></i>median <b>${span(last.p50_ms ?? 0)}</b> <i class="swatch p95"></i>p95 <b>${span(last.p95_ms ?? 0)}</b> now`
          : 'no result in the last hour'
      }
      told=${(/** @type {Minute} */ m) => (m.p50_ms === null ? 'no result' : `median ${span(m.p50_ms)}, p95 ${span(m.p95_ms ?? 0)}`)}
      series=${[
        { label: 'p95', colour: '--p95', of: (/** @type {Minute} */ m) => m.p95_ms },
        { label: 'median', colour: '--p50', of: (/** @type {Minute} */ m) => m.p50_ms },
      ]}
      text=${last ? `Line chart of the last hour: the time from receipt to result; the slowest minute's p95 was ${span(worst)}.` : 'Line chart without a value: no result in the last hour.'}
      format=${power} />
  `;
}
