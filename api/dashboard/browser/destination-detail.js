import { useState } from 'preact/hooks';
import { Deliveries } from './deliveries.js';
import { DestinationActions } from './destination-actions.js';
import { DestinationForm } from './destination-form.js';
import { HealthBadge, HealthBox } from './destination-health.js';
import { EVENT_LABELS, KINDS, kindLabel } from './destination-kinds.js';
import { formatDuration, UntrustedText } from './format.js';
import { html } from './html.js';
import { NewSecretBox } from './new-secret.js';
import { Panel } from './panel.js';

/** @typedef {import('./destination-requests.js').Destination} Destination */
/** @typedef {import('./destinations-page.js').NewSecret} NewSecret */
/** @typedef {import('./main.js').PageProps} PageProps */

/**
 * Shows a destination: its state, what can be done with it, its configuration and its deliveries.
 * @param {PageProps & { destination: Destination, mayManage: boolean, secret: NewSecret | null,
 *   showSecret: (secret: NewSecret | null) => void, onClose: () => void }} props
 */
export function DestinationDetail(props) {
  const { destination, view, navigate, overview, mayManage, secret, showSecret, onClose, notify } = props;
  const [editing, setEditing] = useState(false);
  const badge = html`<${HealthBadge} destination=${destination} />`;
  if (editing && mayManage) {
    const onSaved = () => {
      setEditing(false);
      notify('Changes saved.');
      overview.refresh();
    };
    return html`
      <${Panel} key="edit" title=${`Edit ${destination.name}`} onClose=${onClose}>
        <${DestinationForm} destination=${destination} onSaved=${onSaved} onCancel=${() => setEditing(false)} />
      <//>
    `;
  }
  return html`
    <${Panel} key="show" title=${destination.name} badge=${badge} onClose=${onClose}>
      ${secret?.id === destination.id && html`<${NewSecretBox} key=${secret.value} secret=${secret} onDone=${() => showSecret(null)} />`}
      <${HealthBox} destination=${destination} />
      ${mayManage && html`<${DestinationActions} destination=${destination} overview=${overview} showSecret=${showSecret} onEdit=${() => setEditing(true)} onDeleted=${onClose} notify=${notify} />`}
      <${Configuration} destination=${destination} />
      <${Deliveries} filter=${{ destination: destination.id, status: view.delivery_status }} refreshed=${overview.refreshes} mayRetry=${mayManage}
        failed=${destination.health.failed} view=${view} navigate=${navigate} notify=${notify}
        onStatus=${(/** @type {string} */ delivery_status) => navigate({ delivery_status })} />
    <//>
  `;
}

/** @param {{ destination: Destination }} props */
function Configuration({ destination: { kind, config, secrets, filter, group, wait_for_picture } }) {
  const fields = KINDS[kind]?.fields ?? [];
  const events = filter.events.map((name) => EVENT_LABELS[name] ?? name);
  return html`
    <dl>
      <dt>Kind</dt><dd>${kindLabel(kind)}</dd>
      ${fields.map(({ name, label, secret }) => {
        const value = secret ? secrets.includes(name) && 'set' : textOf(config[name]);
        return (
          value &&
          html`<dt key=${name}>${label}</dt><dd>${secret ? html`<span class="note">${value}</span>` : html`<${UntrustedText}>${value}<//>`}</dd>`
        );
      })}
      <dt>Events</dt><dd>${events.length === 0 ? 'all' : events.join(', ')}</dd>
      <dt>Stores</dt><dd>${filter.stores.length === 0 ? 'all' : html`<${UntrustedText}>${filter.stores.join(', ')}<//>`}</dd>
      ${filter.failure_codes.length > 0 && html`<dt>Failure codes</dt><dd class="mono">${filter.failure_codes.join(', ')}</dd>`}
      ${group && html`<dt>Grouping</dt><dd>by store: collects alerts for ${formatSeconds(group.wait_s)}, then waits at least ${formatSeconds(group.interval_s)}</dd>`}
      <dt>Picture</dt><dd>${wait_for_picture ? 'messages wait for it, at most 2 s' : 'messages do not wait for it'}</dd>
    </dl>
  `;
}

/** @param {number} s */
function formatSeconds(s) {
  return s < 60 ? `${s} s` : formatDuration(s * 1_000);
}

/** Returns '' for what is not set. @param {unknown} value */
function textOf(value) {
  if (value === undefined || value === null) return '';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return Array.isArray(value) ? value.join(', ') : String(value);
}
