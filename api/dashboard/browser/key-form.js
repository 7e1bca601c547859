import { useEffect, useRef, useState } from 'preact/hooks';
import { useSubmit } from './destination-form.js';
import { Checkboxes, errorsAt, LabelledInput } from './form-fields.js';
import { html } from './html.js';
import { createKey } from './key-requests.js';
import { fromTimeInput, zoneName } from './time.js';
import { DAY_MS } from './view.js';

/** @typedef {{ currentTarget: HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement }} InputEvent */

/** @type {[scope: string, meaning: string][]} */
const SCOPES = [
  ['write', 'send alerts'],
  ['read', 'read alerts and destinations'],
  ['operate', 'retry alerts'],
  ['manage', 'destinations, keys, holds, settings'],
  ['metrics', 'read metrics'],
];
/** @type {[days: string, label: string][]} */
const EXPIRIES = [
  ['30', '30 days'],
  ['90', '90 days'],
  ['365', '1 year'],
  ['never', 'Never'],
  ['', 'At a time …'],
];
const SHOWN = ['#/name', '#/stores', '#/expires_at'];
const NO_VALUES = { name: '', stores: '', days: '365', expires_at: '' };

/**
 * Shows the form of a new key.
 * @param {{ settings: import('./main.js').Settings, onCreated: (key: import('./key-requests.js').CreatedKey) => void, onCancel: () => void }} props
 */
export function KeyForm({ settings, onCreated, onCancel }) {
  const [values, setValues] = useState(NO_VALUES);
  const [scopes, setScopes] = useState(/** @type {string[]} */ ([]));
  const { error, busy, submit, form } = useSubmit(async () => onCreated(await createKey(bodyOf(values, scopes))));
  const firstField = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => firstField.current?.focus(), []);
  const errors = error?.errors ?? [];
  /** @param {keyof typeof NO_VALUES} name @param {string} label @param {(attributes: Record<string, unknown>) => unknown} input @param {string} [note] */
  const field = (name, label, input, note) => {
    const onInput = (/** @type {InputEvent} */ { currentTarget }) =>
      setValues({ ...values, [name]: currentTarget.value });
    return html`<${LabelledInput} label=${label} note=${note} pointer=${`#/${name}`} errors=${errors} input=${(/** @type {Record<string, unknown>} */ attributes) => input({ ...attributes, value: values[name], onInput })} />`;
  };
  const others = errors.filter((one) => !SHOWN.some((pointer) => errorsAt([one], pointer).length > 0));
  const grantable = SCOPES.filter(([scope]) => settings.scopes.includes(scope));
  return html`
    <form ref=${form} class="key-form" novalidate onSubmit=${submit} aria-busy=${busy}>
      ${field('name', 'Name', (attributes) => html`<input ...${attributes} ref=${firstField} maxlength="100" autocomplete="off" />`, 'Who uses the key.')}
      <${Checkboxes} legend="Scopes" note="What the key may do. Only your own scopes can be granted." selected=${scopes} onChange=${setScopes}
        options=${grantable.map(([scope, meaning]) => [scope, html`<b>${scope}</b>: ${meaning}`])} />
      ${field('stores', 'Stores', (attributes) => html`<textarea ...${attributes} rows="3" autocomplete="off"></textarea>`, settings.allStores ? 'One per line. Empty: all stores.' : 'One per line: some of the stores of your key.')}
      ${field('days', 'Expires in', (attributes) => html`<select ...${attributes}>${EXPIRIES.map(([days, label]) => html`<option value=${days}>${label}</option>`)}</select>`)}
      ${values.days === '' && field('expires_at', `Expires at (${zoneName()})`, (attributes) => html`<input type="datetime-local" ...${attributes} />`)}
      ${error && html`<p class="error" role="alert">${[error.message, ...others.map(({ pointer, detail }) => `${pointer.slice(2)} ${detail}.`)].join(' ')}</p>`}
      <div class="actions">
        <button type="button" class="quiet" onClick=${onCancel}>Cancel</button>
        <button class="primary" aria-disabled=${busy}>Create key</button>
      </div>
    </form>
  `;
}

/** @param {typeof NO_VALUES} values @param {string[]} scopes */
function bodyOf({ name, stores, days, expires_at }, scopes) {
  const lines = stores.split('\n').map((line) => line.trim());
  return { name: name.trim(), scopes, stores: lines.filter(Boolean), expires_at: expiryOf(days, expires_at) };
}

/** @param {string} days @param {string} at a time, for no number of days */
function expiryOf(days, at) {
  if (days === 'never') return null;
  return days === '' ? fromTimeInput(at) : new Date(Date.now() + Number(days) * DAY_MS).toISOString();
}
