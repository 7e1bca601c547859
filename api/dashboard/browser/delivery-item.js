import { DeliveryStatusBadge } from './delivery-status.js';
import { EVENT_LABELS } from './destination-kinds.js';
import { ResponseBody } from './destination-test.js';
import { formatCount, formatDuration, UntrustedText } from './format.js';
import { html } from './html.js';
import { followLink } from './link.js';
import { Time } from './time.js';
import { urlOf, viewOfAlerts, viewOfDestinations } from './view.js';

/** @typedef {import('./destination-requests.js').Delivery} Delivery */
/** @typedef {import('./view.js').View} View */

/**
 * Shows one delivery with its attempts.
 * @param {{ delivery: Delivery, ofAlert: boolean, view: View, navigate?: import('./view.js').Navigate | undefined, onRetry?: (() => void) | undefined }} props
 *   ofAlert: its destination is shown, otherwise its alert
 */
export function DeliveryItem({ delivery, ofAlert, view, navigate, onRetry }) {
  const { destination, alert, store, event, status, attempts, next_attempt_at, created_at, delivered_at, error } =
    delivery;
  const to = ofAlert ? viewOfDestinations(view, destination.id) : viewOfAlerts(view, alert ?? '');
  const follow = navigate && followLink(() => navigate(to));
  const linked = ofAlert || alert !== null;
  const retry = (/** @type {{ currentTarget: HTMLElement }} */ { currentTarget }) => {
    // The button disappears while it has the focus.
    currentTarget.closest('li')?.focus();
    onRetry?.();
  };
  const subject = ofAlert ? destination.name : (store ?? '');
  return html`
    <li class="delivery" tabindex="-1">
      <p class="delivery-title">
        <${DeliveryStatusBadge} status=${status} />
        ${subject !== '' && (linked ? html`<a href=${urlOf(to)} onClick=${follow}><${UntrustedText}>${subject}<//></a>` : html`<${UntrustedText}>${subject}<//>`)}
        <span class="note">${EVENT_LABELS[event] ?? event}</span>
        <span class="note at"><${Time} at=${delivered_at ?? created_at} /></span>
      </p>
      ${status !== 'delivered' && error && html`<p class="failure"><${UntrustedText}>${error}<//></p>`}
      ${status === 'muted' && html`<p class="note">Not sent: a mute was active.</p>`}
      ${status === 'pending' && html`<p class="note">${nextAttempt(attempts, next_attempt_at)}</p>`}
      <${History} delivery=${delivery} />
      ${onRetry && html`<button onClick=${retry}>Retry this delivery</button>`}
    </li>
  `;
}

/** @param {number} attempts @param {string | null} at */
function nextAttempt(attempts, at) {
  const made = attempts === 0 ? 'No attempt yet.' : `${formatCount(attempts, 'attempt')} so far.`;
  if (at === null) return made;
  return Date.parse(at) <= Date.now()
    ? `${made} The next one is due.`
    : html`${made} The next one is made at <${Time} at=${at} />.`;
}

/** Shows each attempt and the last response. @param {{ delivery: Delivery }} props */
function History({ delivery: { history, response, attempts, message, id } }) {
  if (history.length === 0) return null;
  const omitted = attempts - history.length;
  return html`
    <details>
      <summary>${formatCount(attempts, 'attempt')}</summary>
      <ol class="attempts">
        ${omitted > 0 && html`<li class="note">${formatCount(omitted, 'older attempt')}</li>`}
        ${history.map(
          ({ at, status, error, ms }) => html`
            <li>
              <${Time} at=${at} /> <span class="note">${formatDuration(ms)}</span>${' '}
              ${error ? html`<span class="failure"><${UntrustedText}>${error}<//></span>` : `delivered${status ? `, status ${status}` : ''}`}
            </li>
          `,
        )}
      </ol>
      <${ResponseBody} body=${response?.body} />
      ${message !== null && message !== id && html`<p class="note">Sent in one message with others of its store.</p>`}
    </details>
  `;
}
