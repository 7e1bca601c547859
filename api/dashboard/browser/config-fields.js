import { KINDS } from './destination-kinds.js';
import { Checkbox, LabelledInput } from './form-fields.js';
import { html } from './html.js';

/** @typedef {import('./destination-kinds.js').Field} Field */
/** @typedef {import('./destination-values.js').Values} Values */
/** @typedef {import('./requests.js').FieldError} FieldError */
/** @typedef {{ currentTarget: HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement }} InputEvent */

/**
 * Shows the inputs of a kind's configuration.
 * @param {{ values: Values, secrets: string[], errors: FieldError[], onChange: (changes: Partial<Values>) => void }} props
 *   secrets: the names of the secret fields that are set
 */
export function ConfigFields({ values, secrets, errors, onChange }) {
  const { kind, config, removed } = values;
  const toggle = (/** @type {string} */ name, /** @type {boolean} */ remove) =>
    onChange({ removed: remove ? [...removed, name] : removed.filter((one) => one !== name) });
  return KINDS[kind].fields.map((field) => {
    const { name, label, type, required = false } = field;
    const value = config[name] ?? '';
    const change = (/** @type {string | boolean} */ next) => onChange({ config: { ...config, [name]: next } });
    if (type === 'checkbox')
      return html`<${Checkbox} key=${name} label=${label} checked=${value === true} onChange=${change} />`;
    const isSet = field.secret && secrets.includes(name);
    const more = { placeholder: isSet ? '••••••••' : field.placeholder, disabled: removed.includes(name) };
    return html`
      <${LabelledInput} key=${`${kind} ${name}`} label=${label} pointer=${`#/config/${name}`} errors=${errors} optional=${!required}
        note=${isSet ? 'Set. Leave empty to keep it.' : field.note}
        input=${(/** @type {Record<string, unknown>} */ attributes) => inputOf(field, String(value), change, { ...attributes, ...more })} />
      ${isSet && !required && html`<${Checkbox} label=${`Remove: ${label}`} checked=${removed.includes(name)} onChange=${(/** @type {boolean} */ remove) => toggle(name, remove)} />`}
    `;
  });
}

/** @param {Field} field @param {string} value @param {(value: string) => void} change @param {Record<string, unknown>} attributes */
function inputOf({ type, options = [] }, value, change, attributes) {
  const onInput = (/** @type {InputEvent} */ { currentTarget }) => change(currentTarget.value);
  if (type === 'select')
    return html`<select ...${attributes} value=${value} onChange=${onInput}>${options.map(([key, label]) => html`<option value=${key}>${label}</option>`)}</select>`;
  if (type === 'lines' || type === 'headers' || type === 'multiline')
    return html`<textarea ...${attributes} rows=${type === 'multiline' ? 5 : 2} spellcheck=${false} autocomplete="off" value=${value} onInput=${onInput}></textarea>`;
  // A browser must not offer to save, or fill in, what belongs to another system.
  const secret =
    type === 'secret' ? { type: 'password', autocomplete: 'new-password' } : { type: 'text', autocomplete: 'off' };
  return html`<input ...${attributes} ...${secret} inputmode=${type === 'number' ? 'numeric' : undefined} spellcheck=${false} value=${value} onInput=${onInput} />`;
}
