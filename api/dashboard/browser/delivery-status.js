import { html } from './html.js';

/** @typedef {import('./destination-requests.js').DeliveryStatus} DeliveryStatus */

/** @type {Record<DeliveryStatus, string>} */
export const DELIVERY_STATUS_LABELS = { pending: 'Pending', delivered: 'Delivered', failed: 'Failed', muted: 'Muted' };

/** A shape and the color of an alert's status. @type {Record<DeliveryStatus, [className: string, path: string]>} */
const ICONS = {
  pending: ['pending', 'M8 3a5 5 0 1 0 0 10A5 5 0 0 0 8 3Zm0 2.2V8l1.8 1.4'],
  delivered: ['processed', 'm3.5 8.5 3 3 6-7'],
  failed: ['failed', 'm4.5 4.5 7 7m0-7-7 7'],
  muted: ['', 'M2.5 6.5v3h2.5L8.5 12V4L5 6.5ZM10.5 6l4 4m0-4-4 4'],
};

/** @param {{ status: DeliveryStatus }} props */
export function DeliveryStatusBadge({ status }) {
  const [className, path] = ICONS[status];
  return html`<span class=${`status ${className}`}><svg class=${`icon ${className}`} viewBox="0 0 16 16" aria-hidden="true"><path d=${path} /></svg>${DELIVERY_STATUS_LABELS[status]}</span>`;
}
