import { useRef, useState } from 'preact/hooks';
import { Checkbox } from './form-fields.js';
import { html } from './html.js';
import { RevokeDialog, RotateDialog } from './key-dialogs.js';
import { KeyForm } from './key-form.js';
import { listKeys } from './key-requests.js';
import { KeyTable } from './key-table.js';
import { NewSecretBox } from './new-secret.js';
import { usePolled } from './polled.js';
import { Time } from './time.js';

/** @typedef {import('./key-requests.js').Key} Key */
/** @typedef {import('./key-requests.js').CreatedKey} CreatedKey */
/** @typedef {import('./key-requests.js').RotatedKey} RotatedKey */

const REFRESH_MS = 15_000;

/** Lists keys, and creates, rotates and revokes them. @param {Pick<import('./main.js').PageProps, 'settings' | 'notify'>} props */
export function KeysSection({ settings, notify }) {
  const { value: keys, error, refresh } = usePolled(listKeys, REFRESH_MS);
  const [adding, setAdding] = useState(false);
  const [showsAll, showAll] = useState(false);
  const [dialog, setDialog] = useState(/** @type {{ of: 'rotate' | 'revoke', key: Key } | null} */ (null));
  const [created, setCreated] = useState(/** @type {CreatedKey | RotatedKey | null} */ (null));
  const title = useRef(/** @type {HTMLHeadingElement | null} */ (null));
  const close = () => {
    setAdding(false);
    title.current?.focus();
  };
  const show = (/** @type {CreatedKey | RotatedKey} */ key) => {
    setCreated(key);
    close();
    refresh();
  };
  const revoked = () => {
    notify('Key revoked.');
    refresh();
    title.current?.focus(); // the button disappears
  };
  const shown = keys?.filter(({ status }) => showsAll || status === 'active');
  return html`
    <section class="alerts" id="settings" aria-labelledby="keys-title" tabindex="-1">
      <div class="list-header">
        <h2 id="keys-title" ref=${title} tabindex="-1">API keys</h2>
        ${!adding && html`<button class="primary" onClick=${() => setAdding(true)}>Create key</button>`}
      </div>
      ${error !== '' && html`<p class="error" role="alert">Cannot show the keys: ${error}</p>`}
      ${created && html`<${NewKeyBox} key=${created.id} created=${created} onDone=${() => setCreated(null)} />`}
      ${adding && html`<div class="panel"><${KeyForm} settings=${settings} onCreated=${show} onCancel=${close} /></div>`}
      ${!keys && error === '' && html`<p class="note" role="status">Loading …</p>`}
      ${
        shown &&
        html`
        <${KeyTable} keys=${shown} settings=${settings} onRotate=${(/** @type {Key} */ key) => setDialog({ of: 'rotate', key })} onRevoke=${(/** @type {Key} */ key) => setDialog({ of: 'revoke', key })} />
        ${shown.length === 0 && html`<p class="note">There are no keys.</p>`}
        <${Checkbox} label="Show revoked and expired keys" checked=${showsAll} onChange=${showAll} />
      `
      }
      ${dialog?.of === 'rotate' && html`<${RotateDialog} of=${dialog.key} onRotated=${show} onClose=${() => setDialog(null)} />`}
      ${dialog?.of === 'revoke' && html`<${RevokeDialog} of=${dialog.key} onRevoked=${revoked} onClose=${() => setDialog(null)} />`}
    </section>
  `;
}

/** Shows a key that the API returns only once. @param {{ created: CreatedKey | RotatedKey, onDone: () => void }} props */
function NewKeyBox({ created, onDone }) {
  const note =
    'replaces' in created &&
    html`The key ${created.replaces.id} is valid until <${Time} at=${created.replaces.valid_until} withZone />.`;
  const secret = { id: created.id, value: created.key, note };
  return html`<${NewSecretBox} secret=${secret} label=${`Key for ${created.name}`} focusAfter="keys-title" onDone=${onDone} />`;
}
