import { formatAge, formatNumber, UntrustedText } from './format.js';
import { html } from './html.js';
import { followLink } from './link.js';
import { Sparkline } from './sparkline.js';
import { Time } from './time.js';
import { urlOf, viewOfAlerts } from './view.js';

/** @typedef {import('./store-requests.js').StoreOverview} StoreOverview */
/** @typedef {import('./store-requests.js').Sort} Sort */
/** @typedef {import('./view.js').View} View */
/** @typedef {import('./view.js').Navigate} Navigate */

/** What the table is sorted by, the heading, and whether it contains numbers. @type {[sort: Sort, heading: string, number: boolean][]} */
export const COLUMNS = [
  ['store', 'Store', false],
  ['failed', 'Failed', true],
  ['failure_rate', 'Failure rate', true],
  ['late', 'Late', true],
  ['alerts', 'Alerts', true],
  ['last_alert_at', 'Last alert', true],
];

/** Returns the order of a column that is selected first: names from A, numbers from the largest. @param {string} sort */
export function firstOrder(sort) {
  return sort === 'store' ? 'asc' : 'desc';
}

/**
 * Shows one row per store. A heading sorts by its column, and again in the other order.
 * @param {{ stores: StoreOverview[], bucketSeconds: number, now: number, view: View, navigate: Navigate, loading: boolean }} props
 */
export function StoreTable({ stores, bucketSeconds, now, view, navigate, loading }) {
  return html`
    <table class="destination-table store-table" aria-busy=${loading}>
      <thead>
        <tr>
          ${COLUMNS.map(([sort, heading, number]) => html`<${SortHeading} sort=${sort} number=${number} view=${view} navigate=${navigate}>${heading}<//>`)}
          <th>Activity</th>
        </tr>
      </thead>
      <tbody>
        ${stores.map((each) => html`<${StoreRow} key=${each.store} of=${each} bucketSeconds=${bucketSeconds} now=${now} view=${view} navigate=${navigate} />`)}
      </tbody>
    </table>
  `;
}

/** @param {{ sort: Sort, number: boolean, view: View, navigate: Navigate, children: string }} props */
function SortHeading({ sort, number, view, navigate, children }) {
  const current = view.sort === sort;
  const order = view.order || firstOrder(sort);
  const select = () => {
    const next = current && order === firstOrder(sort) ? (order === 'asc' ? 'desc' : 'asc') : '';
    navigate({ sort, order: next });
  };
  const mark = order === 'asc' ? '▲' : '▼';
  return html`
    <th class=${number ? 'number' : ''} aria-sort=${current ? (order === 'asc' ? 'ascending' : 'descending') : undefined}>
      <button class="sort" onClick=${select}>${children}<span aria-hidden="true">${current ? ` ${mark}` : ''}</span></button>
    </th>
  `;
}

/** @param {{ of: StoreOverview, bucketSeconds: number, now: number, view: View, navigate: Navigate }} props */
function StoreRow({ of, bucketSeconds, now, view, navigate }) {
  const { store, alerts, failed, failure_rate, late, previous, buckets, last_alert_at, silent_since } = of;
  const ofStore = { ...viewOfAlerts(view), store, range: view.period || '24h' };
  // Alerts wait whenever they were received.
  const waiting = { ...ofStore, status: 'pending', range: 'all' };
  const link = (/** @type {View} */ to, /** @type {unknown} */ text) =>
    html`<a href=${urlOf(to)} onClick=${followLink(() => navigate(to))}>${text}</a>`;
  return html`
    <tr>
      <td class="name">${link(ofStore, html`<${UntrustedText}>${store}<//>`)}${silent_since !== null && html` <span class="badge">Silent since <${Time} at=${silent_since} /></span>`}</td>
      <td class=${failed > 0 ? 'number failed' : 'number'} data-label="failed">
        ${failed > 0 ? link({ ...ofStore, status: 'failed' }, formatNumber(failed)) : '0'} <${Trend} now=${failed} before=${previous.failed} bad />
      </td>
      <td class="number rate" data-label="failure rate">${formatRate(failure_rate)}</td>
      <td class="number late" data-label="late">${late > 0 ? link(waiting, formatNumber(late)) : '0'}</td>
      <td class="number" data-label="alerts">${formatNumber(alerts)} <${Trend} now=${alerts} before=${previous.alerts} /></td>
      <td class="number last"><span class="age">${formatAge(Math.max(0, now - Date.parse(last_alert_at)))} ago</span> <span class="note"><${Time} at=${last_alert_at} /></span></td>
      <td class="activity"><${Sparkline} ...${buckets} bucketSeconds=${bucketSeconds} /></td>
    </tr>
  `;
}

/** @param {number | null} rate */
function formatRate(rate) {
  if (rate === null) return '–';
  const percent = rate * 100;
  return `${percent > 0 && percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`;
}

/**
 * Shows how a number has changed since the period before.
 * @param {{ now: number, before: number, bad?: boolean }} props bad: more are worse
 */
function Trend({ now, before, bad = false }) {
  const change = now - before;
  const title = `${formatNumber(before)} in the period before`;
  if (change === 0)
    return html`<span class="trend" title=${title}><span aria-hidden="true">=</span><span class="visually-hidden">, ${title}</span></span>`;
  const className = bad ? (change > 0 ? 'trend worse' : 'trend better') : 'trend';
  return html`<span class=${className} title=${title}><span aria-hidden="true">${change > 0 ? '▲' : '▼'} ${formatNumber(Math.abs(change))}</span><span class="visually-hidden">, ${title}</span></span>`;
}
