import { html } from './html.js';

/** @typedef {import('./requests.js').Alert} Alert */

/** @type {Record<Alert['status'], string>} */
export const STATUS_LABELS = {
  pending: 'Pending',
  processing: 'Processing',
  processed: 'Processed',
  failed: 'Failed',
};

/** A shape for each status, because some users cannot tell the colors apart. @type {Record<Alert['status'], string>} */
const ICON_PATHS = {
  pending: 'M8 3a5 5 0 1 0 0 10A5 5 0 0 0 8 3Zm0 2.2V8l1.8 1.4',
  processing: 'M13 8a5 5 0 1 1-3-4.6',
  processed: 'm3.5 8.5 3 3 6-7',
  failed: 'm4.5 4.5 7 7m0-7-7 7',
};

/** @param {{ status: Alert['status'] }} props */
export function StatusIcon({ status }) {
  return html`<svg class="icon ${status}" viewBox="0 0 16 16" aria-hidden="true"><path d=${ICON_PATHS[status]} /></svg>`;
}

/** @param {{ status: Alert['status'] }} props */
export function Status({ status }) {
  return html`<span class="status ${status}"><${StatusIcon} status=${status} />${STATUS_LABELS[status]}</span>`;
}
