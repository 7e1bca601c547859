import { formatNumber } from './format.js';
import { html } from './html.js';

/** @typedef {import('./requests.js').Alert} Alert */
/** @typedef {import('./selection.js').Selection} Selection */

/** Returns the alerts that can be retried. @param {Alert[]} alerts */
export function retryableOf(alerts) {
  return alerts.filter(({ status, archived }) => status === 'failed' && !archived);
}

/** Returns the alerts that can be acknowledged, and are not yet. @param {Alert[]} alerts */
export function acknowledgeableOf(alerts) {
  return alerts.filter(
    ({ status, archived, late, triage }) =>
      !archived && (status === 'failed' || late !== null) && (triage?.acknowledged_at ?? null) === null,
  );
}

/**
 * Shows how many alerts are selected, and what can be done with all of them.
 * @param {{ selection: Selection, loaded: number, onAction: (action: 'retry' | 'acknowledge', alerts: Alert[]) => void }} props
 */
export function SelectionBar({ selection, loaded, onAction }) {
  const { alerts, selectAll, clear } = selection;
  return html`
    <div class="selection-bar" role="region" aria-label="Selected alerts">
      <span role="status"><b>${formatNumber(alerts.length)} selected</b></span>
      <${ActionButton} label="Retry" count=${retryableOf(alerts).length} none="None of the selected alerts has failed" onClick=${() => onAction('retry', alerts)} />
      <${ActionButton} label="Acknowledge" count=${acknowledgeableOf(alerts).length} none="None of the selected alerts has failed without being acknowledged" onClick=${() => onAction('acknowledge', alerts)} />
      ${alerts.length < loaded && html`<button onClick=${selectAll}>Select all ${formatNumber(loaded)} loaded</button>`}
      <button class="quiet" onClick=${clear}>Clear</button>
    </div>
  `;
}

/** @param {{ label: string, count: number, none: string, onClick: () => void }} props */
function ActionButton({ label, count, none, onClick }) {
  return html`<button class="primary" disabled=${count === 0} title=${count === 0 ? none : undefined} onClick=${onClick}>${count === 0 ? label : `${label} ${formatNumber(count)}`}</button>`;
}
