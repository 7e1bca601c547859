import { UntrustedText, withVisibleCharacters } from './format.js';
import { html } from './html.js';
import { Time } from './time.js';

/** @typedef {import('./key-requests.js').Key} Key */

/**
 * Shows keys with the buttons that rotate and revoke them.
 * @param {{ keys: Key[], settings: import('./main.js').Settings, onRotate: (key: Key) => void, onRevoke: (key: Key) => void }} props
 */
export function KeyTable({ keys, settings, onRotate, onRevoke }) {
  if (keys.length === 0) return null;
  return html`
    <table class="destination-table settings-table">
      <thead><tr><th>Name</th><th>Scopes</th><th>Stores</th><th>Last used</th><th>Expires</th><th>State</th><th><span class="visually-hidden">Actions</span></th></tr></thead>
      <tbody>
        ${keys.map((key) => html`<${KeyRow} key=${key.id} of=${key} settings=${settings} onRotate=${onRotate} onRevoke=${onRevoke} />`)}
      </tbody>
    </table>
  `;
}

/** @param {{ of: Key, settings: import('./main.js').Settings, onRotate: (key: Key) => void, onRevoke: (key: Key) => void }} props */
function KeyRow({ of: key, settings, onRotate, onRevoke }) {
  const { id, name, scopes, stores, status, created_at, expires_at, last_used_at, replaced_by, current } = key;
  const named = withVisibleCharacters(name);
  // The API rejects more than the user's own scopes.
  const grantable = scopes.every((scope) => settings.scopes.includes(scope));
  return html`
    <tr data-key=${id}>
      <td class="key-title">
        <b><${UntrustedText}>${name}<//></b>${current && html` <span class="badge">Your key</span>`}
        <p class="note"><span class="mono">${id}</span>, created <${Time} at=${created_at} /></p>
      </td>
      <td data-label="Scopes">${scopes.join(', ')}</td>
      <td data-label="Stores">${stores.length === 0 ? 'All' : html`<${UntrustedText}>${stores.join(', ')}<//>`}</td>
      <td data-label="Last used">${last_used_at === null ? 'Never' : html`<${Time} at=${last_used_at} />`}</td>
      <td data-label="Expires">${expires_at === null ? 'Never' : html`<${Time} at=${expires_at} withZone />`}</td>
      <td data-label="State"><${State} of=${key} /></td>
      <td>
        <div class="buttons">
          ${status === 'active' && replaced_by === null && grantable && html`<button onClick=${() => onRotate(key)} aria-label=${`Rotate the key ${named}, ${id}`}>Rotate</button>`}
          ${status !== 'revoked' && !current && html`<button class="danger" onClick=${() => onRevoke(key)} aria-label=${`Revoke the key ${named}, ${id}`}>Revoke</button>`}
        </div>
      </td>
    </tr>
  `;
}

/** @param {{ of: Key }} props */
function State({ of: { status, revoked_at, replaced_by } }) {
  if (revoked_at !== null) return html`<span class="failure">Revoked</span> <${Time} at=${revoked_at} />`;
  if (status === 'expired') return html`<span class="failure">Expired</span>`;
  return replaced_by === null ? 'Active' : html`Replaced by <span class="mono">${replaced_by}</span>`;
}
