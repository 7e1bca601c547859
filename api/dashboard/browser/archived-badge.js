import { html } from './html.js';

export const ARCHIVED = 'Restored from the archive: it is never processed, retried or delivered again';

/** Marks an alert that was restored from the archive. */
export function ArchivedBadge() {
  return html`<span class="archived" title=${ARCHIVED}>Archived</span>`;
}
