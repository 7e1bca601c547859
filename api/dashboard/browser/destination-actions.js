import { useState } from 'preact/hooks';
import { ConfirmDialog } from './confirm-dialog.js';
import { formatLimited } from './destination-list.js';
import { changeDestination, deleteDestination, rotateSecret } from './destination-requests.js';
import { DestinationTest } from './destination-test.js';
import { UntrustedText } from './format.js';
import { html } from './html.js';
import { asRequestError } from './requests.js';
import { Time } from './time.js';

/** @typedef {import('./destination-requests.js').Destination} Destination */
/** @typedef {import('./destinations-page.js').NewSecret} NewSecret */

/**
 * Shows the buttons that test, pause, edit and delete a destination.
 * @param {{ destination: Destination, overview: import('./destinations.js').Overview, showSecret: (secret: NewSecret | null) => void,
 *   onEdit: () => void, onDeleted: () => void, notify: (text: string) => void }} props
 */
export function DestinationActions({ destination, overview, showSecret, onEdit, onDeleted, notify }) {
  const [dialog, setDialog] = useState(/** @type {'' | 'rotate' | 'delete'} */ (''));
  const close = () => setDialog('');
  async function rotate() {
    const { signing_secret, previous_valid_until } = await rotateSecret(destination.id);
    const note =
      previous_valid_until &&
      html`The previous secret also signs until <${Time} at=${previous_valid_until} withZone />.`;
    showSecret({ id: destination.id, value: signing_secret, note });
    overview.refresh();
  }
  async function remove() {
    await deleteDestination(destination.id);
    notify('Destination deleted.');
    overview.refresh();
    onDeleted();
  }
  return html`
    <${DestinationTest} destination=${destination} onDone=${overview.refresh}>
      <${PauseButton} destination=${destination} overview=${overview} notify=${notify} />
      <button onClick=${onEdit}>Edit</button>
      ${destination.kind === 'webhook' && html`<button onClick=${() => setDialog('rotate')}>Rotate secret</button>`}
      <button class="danger" onClick=${() => setDialog('delete')}>Delete</button>
    <//>
    ${
      dialog === 'rotate' &&
      html`<${ConfirmDialog} title="Rotate the signing secret" action="Rotate secret" run=${rotate} onClose=${close}>
        <p>A new secret signs from now on and is shown once. The current one also signs for 24 hours, so that the receiver can change in between.</p>
      <//>`
    }
    ${
      dialog === 'delete' &&
      html`<${ConfirmDialog} title="Delete the destination" action="Delete" run=${remove} onClose=${close}>
        <p>Deletes <b><${UntrustedText}>${destination.name}<//></b> and the history of its deliveries.</p>
        ${destination.health.pending > 0 && html`<p class="failure"><b>${formatLimited(destination.health.pending)} pending ${destination.health.pending === 1 ? 'delivery is' : 'deliveries are'} lost.</b></p>`}
      <//>`
    }
  `;
}

/** @param {{ destination: Destination, overview: import('./destinations.js').Overview, notify: (text: string) => void }} props */
function PauseButton({ destination: { id, enabled, health }, overview, notify }) {
  const [busy, setBusy] = useState(false);
  async function toggle() {
    if (busy) return;
    setBusy(true);
    try {
      await changeDestination(id, { enabled: !enabled });
      notify(
        enabled
          ? 'Paused. Deliveries are kept.'
          : `Resumed.${health.pending > 0 ? ' Pending deliveries are sent, oldest first.' : ''}`,
      );
      overview.refresh();
    } catch (error) {
      notify(asRequestError(error).message);
    }
    setBusy(false);
  }
  return html`<button aria-disabled=${busy} onClick=${toggle}>${enabled ? 'Pause' : 'Resume'}</button>`;
}
