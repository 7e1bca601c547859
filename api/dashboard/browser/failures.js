import { FAILURE_CODES } from './failure-codes.js';
import { age, count, Foreign, number } from './format.js';
import { html } from './html.js';

/** @typedef {import('./requests.js').Statistics} Statistics */
/** @typedef {import('./view.js').View} View */

/** Beside the list it stands open; above the list it would be in the way. */
const WIDE = matchMedia('(min-width: 1181px)');

/**
 * The failed alerts by cause, each with what to do and the way to retry them.
 * @param {{ statistics: Statistics | null, view: View, go: (changes: Partial<View>) => void, mayRetry: boolean,
 *   onRetry: (filter: { failure_code: string, store: string }) => void }} props
 */
export function Failures({ statistics, view, go, mayRetry, onRetry }) {
  const { failures, counts } = statistics ?? { failures: [], counts: { failed: 0 } };
  return html`
    <details class="panel failures" open=${WIDE.matches}>
      <summary><h2>Failures by cause</h2><span class="note">${statistics ? number(counts.failed) : '…'}</span></summary>
      ${statistics && failures.length === 0 && html`<p class="note">None. Every alert of this period that ended was processed.</p>`}
      <ul>
        ${failures.map((failure) => {
          const words = FAILURE_CODES[failure.code];
          const chosen = view.failure_code === failure.code;
          return html`
            <li key=${failure.code}>
              <div class="cause">
                <button class="link" aria-pressed=${chosen} onClick=${() => go(chosen ? { failure_code: '', status: '' } : { failure_code: failure.code, status: 'failed' })}>${failure.code}</button>
                <b>${number(failure.count)}</b>
              </div>
              <div class="share" aria-hidden="true"><span style=${{ width: `${(100 * failure.count) / Math.max(1, counts.failed)}%` }}></span></div>
              <p>${words?.what} ${words?.todo}</p>
              <p class="note">
                Newest ${age(Date.now() - Date.parse(failure.newest_at))} ago.
                ${' '}${failure.stores
                  .slice(0, 3)
                  .map(
                    ({ store, count: n }, i) =>
                      html`${i > 0 && ', '}<button class="link" onClick=${() => go({ store, failure_code: failure.code, status: 'failed' })}><${Foreign}>${store}<//></button> ${number(n)}`,
                  )}
                ${failure.stores.length + failure.other_stores > 3 && html`, ${count(failure.stores.length + failure.other_stores - 3, 'more store')}`}
              </p>
              ${mayRetry && html`<button onClick=${() => onRetry({ failure_code: failure.code, store: view.store })}>Retry these ${number(failure.count)}</button>`}
            </li>
          `;
        })}
      </ul>
    </details>
  `;
}
