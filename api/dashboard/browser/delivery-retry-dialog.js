import { useEffect, useState } from 'preact/hooks';
import { ConfirmDialog } from './confirm-dialog.js';
import { formatLimited } from './destination-list.js';
import { retryDeliveries } from './destination-requests.js';
import { formatNumber } from './format.js';
import { html } from './html.js';
import { asRequestError } from './requests.js';

/** @typedef {import('./destination-requests.js').DeliveryRetry} DeliveryRetry */

/** The API stops counting here. */
const MAX_COUNT = 100_000;

/**
 * Shows how many failed deliveries of a destination a retry would select, and retries them after confirmation.
 * @param {{ destination: string, onClose: () => void, onDone: (text: string) => void }} props
 */
export function DeliveryRetryDialog({ destination, onClose, onDone }) {
  const [dryRun, setDryRun] = useState(/** @type {DeliveryRetry | null} */ (null));
  const [error, setError] = useState('');
  useEffect(() => {
    retryDeliveries(destination, true).then(setDryRun, (error) => setError(asRequestError(error).message));
  }, [destination]);
  async function retry() {
    const { retried } = await retryDeliveries(destination, false);
    onDone(`${formatNumber(retried)} ${retried === 1 ? 'delivery' : 'deliveries'} queued for retry.`);
  }
  const selected = dryRun?.selected ?? 0;
  return html`
    <${ConfirmDialog} title="Retry failed deliveries" action=${dryRun ? `Retry ${formatNumber(selected)}` : 'Retry'} disabled=${selected === 0} run=${retry} onClose=${onClose}>
      ${dryRun === null && error === '' && html`<p class="note" role="status">Counting …</p>`}
      ${error !== '' && html`<p class="error" role="alert">${error}</p>`}
      ${dryRun && html`<p role="status">${summaryOf(dryRun)}</p>`}
    <//>
  `;
}

/** @param {DeliveryRetry} dryRun */
function summaryOf({ matched, selected }) {
  if (matched === 0) return 'No failed delivery matches any more. There is nothing to retry.';
  const all =
    matched === 1 ? '1 failed delivery matches' : `${formatLimited(matched, MAX_COUNT)} failed deliveries match`;
  const part = selected < matched ? ` This retries the oldest ${formatNumber(selected)}; repeat it for the rest.` : '';
  return html`<b>${all}.</b>${part} Each gets a new round of attempts. They start oldest first, at a limited rate. Receivers see the same ids as before.`;
}
