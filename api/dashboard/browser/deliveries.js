import { useEffect, useState } from 'preact/hooks';
import { DeliveryItem } from './delivery-item.js';
import { DeliveryRetryDialog } from './delivery-retry-dialog.js';
import { DELIVERY_STATUS_LABELS } from './delivery-status.js';
import { formatLimited } from './destination-list.js';
import { listDeliveries, retryDelivery } from './destination-requests.js';
import { html } from './html.js';
import { asRequestError } from './requests.js';

/** @typedef {import('./destination-requests.js').Delivery} Delivery */
/** @typedef {import('./destination-requests.js').DeliveryFilter} DeliveryFilter */
/** @typedef {import('./view.js').View} View */
/** @typedef {import('./view.js').Navigate} Navigate */

/** While deliveries of an alert are pending. */
const REFRESH_MS = 3_000;
const PAGE = 20;
/** The API returns no more at once. */
const MAX = 200;

/**
 * Shows the deliveries of a destination, newest first.
 * @param {{ filter: DeliveryFilter & { destination: string }, refreshed: unknown, mayRetry: boolean, failed: number, view: View,
 *   navigate: Navigate, notify: (text: string) => void, onStatus: (status: string) => void }} props
 *   refreshed: the list is loaded again when it changes; failed: the number of failed deliveries
 */
export function Deliveries({ filter, refreshed, mayRetry, failed, view, navigate, notify, onStatus }) {
  const list = useDeliveries(filter, refreshed);
  const [confirming, setConfirming] = useState(false);
  const select = (/** @type {{ currentTarget: HTMLSelectElement }} */ { currentTarget }) =>
    onStatus(currentTarget.value);
  return html`
    <section class="deliveries" aria-labelledby="deliveries-title">
      <div class="list-header">
        <h3 id="deliveries-title">Deliveries</h3>
        <select aria-label="Status of the deliveries" value=${filter.status} onChange=${select}>
          <option value="">All</option>
          ${Object.entries(DELIVERY_STATUS_LABELS).map(([status, label]) => html`<option value=${status}>${label}</option>`)}
        </select>
      </div>
      ${mayRetry && failed > 0 && html`<button onClick=${() => setConfirming(true)}>Retry these ${formatLimited(failed)}</button>`}
      <${DeliveryItems} list=${list} mayRetry=${mayRetry} view=${view} navigate=${navigate} notify=${notify} />
      ${list.deliveries.length === 0 && list.loaded && html`<p class="note">${filter.status === '' ? 'No deliveries yet.' : 'No delivery has this status.'}</p>`}
      ${list.loadMore && html`<button onClick=${list.loadMore}>Load older deliveries</button>`}
    </section>
    ${
      confirming &&
      html`<${DeliveryRetryDialog} destination=${filter.destination} onClose=${() => setConfirming(false)} onDone=${(
        /** @type {string} */ text,
      ) => {
        notify(text);
        list.reload();
      }} />`
    }
  `;
}

/**
 * Shows the deliveries of an alert, one for each destination and event; renders nothing if there are none.
 * @param {{ alert: string, refreshed: unknown, mayRetry: boolean, view: View, notify: (text: string) => void }} props
 */
export function AlertDeliveries({ alert, refreshed, mayRetry, view, notify }) {
  const list = useDeliveries({ alert }, refreshed);
  const waiting = list.deliveries.some(({ status }) => status === 'pending');
  useEffect(() => {
    if (!waiting) return;
    const timer = setInterval(list.reload, REFRESH_MS);
    return () => clearInterval(timer);
  }, [waiting]);
  if (list.deliveries.length === 0 && list.error === '') return null;
  return html`
    <section class="deliveries" aria-labelledby="deliveries-title">
      <h3 id="deliveries-title">Deliveries</h3>
      <${DeliveryItems} list=${list} mayRetry=${mayRetry} view=${view} ofAlert notify=${notify} />
      ${list.loadMore && html`<button onClick=${list.loadMore}>Load older deliveries</button>`}
    </section>
  `;
}

/** @param {{ list: ReturnType<typeof useDeliveries>, mayRetry: boolean, view: View, ofAlert?: boolean, navigate?: Navigate, notify: (text: string) => void }} props */
function DeliveryItems({ list, mayRetry, view, ofAlert = false, navigate, notify }) {
  async function retry(/** @type {Delivery} */ { id }) {
    try {
      await retryDelivery(id);
      notify('Delivery queued for retry.');
    } catch (error) {
      notify(`Retry failed: ${asRequestError(error).message}`);
    }
    list.reload();
  }
  return html`
    ${list.error !== '' && html`<p class="error" role="alert">Cannot load deliveries: ${list.error}</p>`}
    <ul>
      ${list.deliveries.map((delivery) => html`<${DeliveryItem} key=${delivery.id} delivery=${delivery} ofAlert=${ofAlert} view=${view} navigate=${navigate} onRetry=${mayRetry && delivery.status === 'failed' ? () => retry(delivery) : undefined} />`)}
    </ul>
  `;
}

/** Loads the newest deliveries, and again each time `refreshed` changes. @param {DeliveryFilter} filter @param {unknown} refreshed */
function useDeliveries(filter, refreshed) {
  const [deliveries, setDeliveries] = useState(/** @type {Delivery[]} */ ([]));
  const [loadedKey, setLoadedKey] = useState('');
  const [hasMore, setHasMore] = useState(false);
  const [error, setError] = useState('');
  const [limit, setLimit] = useState(PAGE);
  const [reloads, setReloads] = useState(0);
  const key = JSON.stringify(filter);
  useEffect(() => setLimit(PAGE), [key]);
  useEffect(() => {
    const closed = new AbortController();
    listDeliveries(filter, limit, closed.signal).then(
      ({ data, next_cursor }) => {
        setDeliveries(data);
        setHasMore(next_cursor !== null);
        setLoadedKey(key);
        setError('');
      },
      (error) => {
        if (!closed.signal.aborted) setError(asRequestError(error).message);
      },
    );
    return () => closed.abort();
  }, [key, limit, refreshed, reloads]);
  const loaded = loadedKey === key;
  return {
    deliveries: loaded ? deliveries : [],
    loaded,
    error,
    loadMore: loaded && hasMore && limit < MAX && (() => setLimit(Math.min(MAX, limit * 2 + PAGE))),
    reload: () => setReloads((n) => n + 1),
  };
}
