import { html } from './html.js';
import { SETTINGS } from './settings.js';

/** @typedef {import('./requests.js').Alert} Alert */

/** @type {[triage: string, label: string, title: string][]} */
const CHOICES = [
  ['open', 'Open', 'Failed and not acknowledged'],
  ['mine', 'Mine', `Assigned to ${SETTINGS.name}`],
];

/** Shows buttons that list open alerts, or those of the user. @param {{ triage: string, navigate: import('./view.js').Navigate }} props */
export function TriageFilter({ triage, navigate }) {
  return html`
    <div class="triage-filter" role="group" aria-label="Triage">
      ${CHOICES.map(
        ([value, label, title]) => html`
          <button aria-pressed=${triage === value} title=${title} onClick=${() => navigate({ triage: triage === value ? '' : value })}>${label}</button>
        `,
      )}
    </div>
  `;
}

/** Compares as the API does. @param {Alert} alert @param {string} triage */
export function matchesTriage({ status, triage: current, archived }, triage) {
  const acknowledged = current?.acknowledged_at != null;
  if (triage === 'open') return status === 'failed' && !acknowledged && !archived;
  if (triage === 'mine') return current?.assignee === SETTINGS.name;
  return triage === '' || acknowledged;
}
