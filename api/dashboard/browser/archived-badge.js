import { html } from './html.js';

/** Marks an alert that was restored from the archive. */
export function ArchivedBadge() {
  return html`<span class="archived" title="Restored from the archive: it is never processed, retried or delivered again">Archived</span>`;
}
