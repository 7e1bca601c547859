import { useState } from 'preact/hooks';
import { FAILURE_CODES } from './failure-codes.js';
import { formatAge, formatCount, formatNumber, UntrustedText } from './format.js';
import { html } from './html.js';

/** @typedef {import('./requests.js').Statistics} Statistics */
/** @typedef {Statistics['failures'][number]} FailureGroup */
/** @typedef {import('./view.js').View} View */
/** @typedef {(changes: Partial<View>) => void} Navigate */

/** Open next to the list; closed on narrow screens, where it would push the list down. */
const WIDE = matchMedia('(min-width: 1181px)');
const SHOWN_STORES = 3;

/**
 * Shows the failed alerts by failure code, each with its meaning, the fix and a retry button.
 * @param {{ statistics: Statistics | null, view: View, navigate: Navigate, mayRetry: boolean,
 *   onRetry: (filter: { failure_code: string, store: string }) => void }} props
 */
export function Failures({ statistics, view, navigate, mayRetry, onRetry }) {
  const { failures, counts, counted } = statistics ?? { failures: [], counts: { failed: 0 }, counted: 0 };
  return html`
    <details class="panel failures" open=${WIDE.matches}>
      <summary><h2>Failures by cause</h2><span class="note">${statistics ? formatNumber(counts.failed) : '…'}</span></summary>
      ${statistics && failures.length === 0 && html`<p class="note">${counted > 0 ? 'No failures in this period.' : 'No alerts in this period.'}</p>`}
      <ul>
        ${failures.map(
          (failure) => html`
            <${FailureGroup} key=${failure.code} failure=${failure} total=${counts.failed} navigate=${navigate} selected=${view.failure_code === failure.code}
              onRetry=${mayRetry && (() => onRetry({ failure_code: failure.code, store: view.store }))} />
          `,
        )}
      </ul>
    </details>
  `;
}

/**
 * @param {{ failure: FailureGroup, total: number, navigate: Navigate, selected: boolean, onRetry: false | (() => void) }} props
 *   onRetry: false if the key may not retry
 */
function FailureGroup({ failure, total, navigate, selected, onRetry }) {
  const { code, count, archived, newest_at } = failure;
  const retryable = count - archived;
  const { meaning, action } = FAILURE_CODES[code];
  const toggle = () => navigate(selected ? { failure_code: '', status: '' } : { failure_code: code, status: 'failed' });
  return html`
    <li>
      <div class="failure-code">
        <button class="link" aria-pressed=${selected} onClick=${toggle}>${code}</button>
        <b>${formatNumber(count)}</b>
      </div>
      <div class="proportion" aria-hidden="true"><span style=${{ width: `${(100 * count) / Math.max(1, total)}%` }}></span></div>
      <p>${meaning} ${action}</p>
      <p class="note">Newest ${formatAge(Date.now() - Date.parse(newest_at))} ago. <${Stores} failure=${failure} navigate=${navigate} /></p>
      ${archived > 0 && html`<p class="note">${formatNumber(archived)} of them ${archived === 1 ? 'is' : 'are'} from the archive and cannot be retried.</p>`}
      ${onRetry && retryable > 0 && html`<button onClick=${onRetry}>Retry these ${formatNumber(retryable)}</button>`}
    </li>
  `;
}

/** @param {{ failure: FailureGroup, navigate: Navigate }} props */
function Stores({ failure: { code, stores, other_stores }, navigate }) {
  const [expanded, setExpanded] = useState(false);
  const shown = stores.slice(0, expanded ? stores.length : SHOWN_STORES);
  const others = stores.length + other_stores - shown.length;
  // The list shows the alerts of all stores; the first click also names those that the API has counted.
  const showOthers = () => {
    setExpanded(true);
    navigate({ store: '', failure_code: code, status: 'failed' });
  };
  return html`
    ${shown.map(
      ({ store, count }, n) =>
        html`${n > 0 && ', '}<button class="link" onClick=${() => navigate({ store, failure_code: code, status: 'failed' })}><${UntrustedText}>${store}<//></button> ${formatNumber(count)}`,
    )}${others > 0 && html`, <button class="link" onClick=${showOthers}>${formatCount(others, 'more store')}</button>`}
  `;
}
