import { UntrustedText, withVisibleCharacters } from './format.js';
import { html } from './html.js';

/** @typedef {import('./requests.js').Alert} Alert */

/** Returns whether an alert has failed or is late, so that there is work with it. @param {Alert} alert */
export function needsWork({ status, late, archived }) {
  return !archived && (status === 'failed' || late !== null);
}

/** Returns who has seen an alert and who works on it, as text of an attribute; '' if nobody, or if nothing is to be done. @param {Alert} alert */
export function triageTitle(alert) {
  if (!needsWork(alert) || !alert.triage) return '';
  const { acknowledged_by, assignee } = alert.triage;
  const parts = [acknowledged_by && `Acknowledged by ${acknowledged_by}`, assignee && `Assigned to ${assignee}`];
  return withVisibleCharacters(parts.filter(Boolean).join(', '));
}

/** Marks an alert that is acknowledged or assigned, with the name of who works on it. @param {{ alert: Alert }} props */
export function TriageBadge({ alert }) {
  const title = triageTitle(alert);
  if (title === '' || !alert.triage) return null;
  const { acknowledged_at, assignee } = alert.triage;
  return html`
    <span class="triage-badge" title=${title}>
      ${acknowledged_at && html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d="m3.5 8.5 3 3 6-7" /></svg><span class="visually-hidden">Acknowledged</span>`}
      ${assignee !== null && html`<span class="visually-hidden">Assigned to </span><span class="assignee"><${UntrustedText}>${assignee}<//></span>`}
    </span>
  `;
}
