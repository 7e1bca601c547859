import { useEffect, useRef, useState } from 'preact/hooks';
import { formatCount, formatNumber, UntrustedText } from './format.js';
import { html } from './html.js';
import { retryAlerts } from './requests.js';

/** @typedef {import('./requests.js').Filter} Filter */
/** @typedef {import('./requests.js').BulkRetry} BulkRetry */

/**
 * Shows what a bulk retry would select, and retries after confirmation.
 * @param {{ filter: Partial<Filter>, onClose: () => void, onDone: (text: string) => void, onOpen: (uuid: string) => void }} props
 */
export function RetryDialog({ filter, onClose, onDone, onOpen }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const [dryRun, setDryRun] = useState(/** @type {BulkRetry | null} */ (null));
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);

  // The filter does not change while the dialog is open
  useEffect(() => {
    dialog.current?.showModal();
    retryAlerts(filter, true).then(setDryRun, (error) => setError(error.message));
  }, []);

  async function confirm() {
    setBusy(true);
    setError('');
    try {
      const { retried, dispatch } = await retryAlerts(filter, false);
      const deferred = dispatch === 'deferred' ? ' The queue is unavailable; they start when it is back.' : '';
      onDone(`${formatCount(retried, 'alert')} queued for retry.${deferred}`);
      dialog.current?.close();
    } catch (error) {
      setError(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  }

  const openAlert = (/** @type {string} */ uuid) => {
    dialog.current?.close();
    onOpen(uuid);
  };

  return html`
    <dialog ref=${dialog} onClose=${onClose} aria-labelledby="retry-title">
      <h2 id="retry-title">Retry failed alerts</h2>
      <${FilterSummary} filter=${filter} />
      ${dryRun === null && error === '' && html`<p class="note" role="status">Counting …</p>`}
      ${dryRun && html`<${DryRun} dryRun=${dryRun} onOpen=${openAlert} />`}
      ${error !== '' && html`<p class="error" role="alert">${error}</p>`}
      <div class="actions">
        <button class="quiet" onClick=${() => dialog.current?.close()}>Cancel</button>
        <button class="primary" disabled=${busy || !dryRun || dryRun.selected === 0} onClick=${confirm}>
          ${dryRun ? `Retry ${formatNumber(dryRun.selected)}` : 'Retry'}
        </button>
      </div>
    </dialog>
  `;
}

/** @param {{ filter: Partial<Filter> }} props */
function FilterSummary({ filter }) {
  return html`
    <p>
      ${filter.failure_code ? html`Failed with <code>${filter.failure_code}</code>` : 'Failed with any code'}
      ${filter.store && html`, store <b><${UntrustedText}>${filter.store}<//></b>`}, ${filter.from || filter.to ? 'received in the selected period' : 'received at any time'}.
    </p>
  `;
}

/** @param {{ dryRun: BulkRetry, onOpen: (uuid: string) => void }} props */
function DryRun({ dryRun: { matched, selected, sample }, onOpen }) {
  if (matched === 0) return html`<p role="status">No failed alerts match any more. There is nothing to retry.</p>`;
  return html`
    <p role="status">
      <b>${formatCount(matched, 'alert')}</b> ${matched === 1 ? 'matches' : 'match'}.
      ${selected < matched && ` This retries the oldest ${formatNumber(selected)}; repeat it for the rest.`}
      ${' '}Each alert gets a new round of attempts and its own notification. The retries start at 50 per second.
    </p>
    <p class="note">Including:</p>
    <ul class="sample">
      ${sample.map((uuid) => html`<li><button class="link mono" onClick=${() => onOpen(uuid)}>${uuid}</button></li>`)}
    </ul>
  `;
}
