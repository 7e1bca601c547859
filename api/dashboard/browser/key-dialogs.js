import { useState } from 'preact/hooks';
import { ConfirmDialog } from './confirm-dialog.js';
import { UntrustedText } from './format.js';
import { html } from './html.js';
import { revokeKey, rotateKey } from './key-requests.js';
import { Time } from './time.js';

/** @typedef {import('./key-requests.js').Key} Key */

/** @type {[overlap: string, label: string][]} */
const OVERLAPS = [
  ['0', 'Not at all'],
  ['1h', '1 hour'],
  ['24h', '24 hours'],
  ['7d', '7 days'],
  ['30d', '30 days'],
];

/** Replaces a key after confirmation. @param {{ of: Key, onRotated: (key: import('./key-requests.js').RotatedKey) => void, onClose: () => void }} props */
export function RotateDialog({ of: { id, name, current }, onRotated, onClose }) {
  const [overlap, setOverlap] = useState('24h');
  const rotate = async () => onRotated(await rotateKey(id, overlap));
  // The API rejects the own key without an overlap: a lost response would lock the user out.
  const choices = OVERLAPS.filter(([each]) => !(current && each === '0'));
  return html`
    <${ConfirmDialog} title="Rotate the key" action="Rotate key" run=${rotate} onClose=${onClose}>
      <p>Creates a key for <b><${UntrustedText}>${name}<//></b> with the same scopes and stores. It is shown once.</p>
      ${current && html`<p>This is the key with which you are logged in: log in with the new one before it expires.</p>`}
      <p>
        <label class="field"><span>How long the old key ${id} stays valid</span>
          <select value=${overlap} onChange=${(/** @type {{ currentTarget: HTMLSelectElement }} */ e) => setOverlap(e.currentTarget.value)}>
            ${choices.map(([each, label]) => html`<option value=${each}>${label}</option>`)}
          </select>
        </label>
      </p>
    <//>
  `;
}

/** Revokes a key after confirmation. @param {{ of: Key, onRevoked: () => void, onClose: () => void }} props */
export function RevokeDialog({ of: { id, name, last_used_at }, onRevoked, onClose }) {
  const revoke = async () => {
    await revokeKey(id);
    onRevoked();
  };
  return html`
    <${ConfirmDialog} title="Revoke the key" action="Revoke key" run=${revoke} onClose=${onClose}>
      <p>Within 5 seconds, the key of <b><${UntrustedText}>${name}<//></b>, ${id}, is rejected, and its logins end. A revoked key cannot be restored.</p>
      <p>${last_used_at === null ? 'It was never used.' : html`It was last used <${Time} at=${last_used_at} withZone />.`}</p>
    <//>
  `;
}
