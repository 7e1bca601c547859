import { useState } from 'preact/hooks';
import { ConfirmDialog } from './confirm-dialog.js';
import { UntrustedText } from './format.js';
import { deleteAlert, holdAlert, releaseAlert } from './hold-requests.js';
import { html } from './html.js';
import { Time } from './time.js';

/** @typedef {import('./requests.js').Alert} Alert */
/** @typedef {{ currentTarget: HTMLInputElement }} InputEvent */

const MAX_REASON = 500;

export const HELD = 'Legal hold: it is not deleted';

/** Marks an alert that is under a legal hold. */
export function HeldBadge() {
  return html`<span class="held" title=${HELD}>Held</span>`;
}

/** Shows why an alert is held, who held it, and since when. @param {{ hold: NonNullable<Alert['hold']> }} props */
export function HoldBox({ hold: { reason, created_by, created_at } }) {
  return html`
    <div class="hold-box">
      <p><b>Legal hold:</b> <${UntrustedText}>${reason}<//></p>
      <p class="note">By <${UntrustedText}>${created_by}<//>, <${Time} at=${created_at} withZone />. It is not deleted until it is released.</p>
    </div>
  `;
}

/**
 * Shows the buttons that hold, release and delete an alert.
 * @param {{ alert: Alert, onChange: () => void, onDeleted: () => void, notify: (text: string) => void }} props
 */
export function KeepingActions({ alert, onChange, onDeleted, notify }) {
  const [dialog, setDialog] = useState(/** @type {'' | 'hold' | 'release' | 'delete'} */ (''));
  const close = () => setDialog('');
  const { uuid, store, hold } = alert;
  const done = (/** @type {string} */ text) => {
    notify(text);
    onChange();
  };
  const release = () => releaseAlert(uuid).then(() => done('Released.'));
  const remove = () =>
    deleteAlert(uuid).then(() => {
      notify('Alert deleted.');
      onDeleted();
    });
  return html`
    <div class="keeping">
      <button onClick=${() => setDialog('hold')}>${hold ? 'Change reason' : 'Hold'}</button>
      ${hold && html`<button onClick=${() => setDialog('release')}>Release</button>`}
      ${!hold && html`<button class="danger" onClick=${() => setDialog('delete')}>Delete</button>`}
    </div>
    ${dialog === 'hold' && html`<${HoldDialog} alert=${alert} onClose=${close} onDone=${() => done('The alert is held.')} />`}
    ${
      dialog === 'release' &&
      html`<${ConfirmDialog} title="Release the hold" action="Release" run=${release} onClose=${close}>
        <p>The alert can then be deleted, by retention too.</p>
      <//>`
    }
    ${
      dialog === 'delete' &&
      html`<${ConfirmDialog} title="Delete the alert" action="Delete" run=${remove} onClose=${close}>
        <p>Deletes this alert of <b><${UntrustedText}>${store}<//></b> with its picture, its copy and its deliveries. This cannot be undone.</p>
        <p class="mono note">${uuid}</p>
      <//>`
    }
  `;
}

/** @param {{ alert: Alert, onClose: () => void, onDone: () => void }} props */
function HoldDialog({ alert: { uuid, hold }, onClose, onDone }) {
  const [reason, setReason] = useState(hold?.reason ?? '');
  const run = () => holdAlert(uuid, reason.trim()).then(onDone);
  return html`
    <${ConfirmDialog} title=${hold ? 'Change the reason' : 'Hold the alert'} action=${hold ? 'Save' : 'Hold'} disabled=${reason.trim() === ''} run=${run} onClose=${onClose}>
      <p>Nothing deletes a held alert, its picture or its copy: no retention, and no person.</p>
      <label class="field"><span>Reason</span>
        <input value=${reason} maxlength=${MAX_REASON} autocomplete="off" placeholder="Number of the case" onInput=${(/** @type {InputEvent} */ e) => setReason(e.currentTarget.value)} />
      </label>
    <//>
  `;
}
