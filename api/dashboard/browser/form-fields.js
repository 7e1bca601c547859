// Labelled inputs that show the errors of the API.
import { html } from './html.js';

/** @typedef {import('./requests.js').FieldError} FieldError */

/**
 * Returns the errors of a field: those at its pointer and below it.
 * @param {FieldError[]} errors
 * @param {string} pointer such as `#/config/url`
 */
export function errorsAt(errors, pointer) {
  return errors.filter((error) => error.pointer === pointer || error.pointer.startsWith(`${pointer}/`));
}

/**
 * Shows an input with its label, a note and its errors. `input` renders it with the attributes that connect them.
 * @param {{ label: string, pointer: string, errors: FieldError[], note?: unknown, optional?: boolean,
 *   input: (attributes: Record<string, unknown>) => unknown }} props
 */
export function LabelledInput({ label, pointer, errors, note, optional = false, input }) {
  const id = `field${pointer.replaceAll(/[#/]/g, '-')}`;
  const own = errorsAt(errors, pointer);
  const describedBy = [note ? `${id}-note` : '', own.length > 0 ? `${id}-error` : ''].filter(Boolean).join(' ');
  return html`
    <div class="field">
      <label for=${id}>${label}${optional && html` <span class="note">optional</span>`}</label>
      ${input({ id, 'aria-invalid': own.length > 0 ? 'true' : undefined, 'aria-describedby': describedBy || undefined })}
      ${note && html`<p id=${`${id}-note`} class="note">${note}</p>`}
      ${own.length > 0 && html`<p id=${`${id}-error`} class="error">${own.map((error) => describe(error, pointer)).join('; ')}</p>`}
    </div>
  `;
}

/** Returns the message of an error, with the part of the field that it is about. @param {FieldError} error @param {string} field a pointer */
function describe({ pointer, detail }, field) {
  const part = pointer.slice(field.length + 1);
  if (part === '') return detail;
  return /^\d+$/.test(part) ? `line ${Number(part) + 1} ${detail}` : `${part} ${detail}`;
}

/**
 * Shows a checkbox.
 * @param {{ label: unknown, checked: boolean, onChange: (checked: boolean) => void }} props
 */
export function Checkbox({ label, checked, onChange }) {
  const change = (/** @type {{ currentTarget: HTMLInputElement }} */ { currentTarget }) =>
    onChange(currentTarget.checked);
  return html`<label class="checkbox"><input type="checkbox" checked=${checked} onChange=${change} /><span>${label}</span></label>`;
}

/**
 * Shows a group of checkboxes.
 * @param {{ legend: string, note: string, options: [value: string, label: unknown][], selected: string[],
 *   onChange: (selected: string[]) => void }} props
 */
export function Checkboxes({ legend, note, options, selected, onChange }) {
  const toggle = (/** @type {string} */ value, /** @type {boolean} */ checked) =>
    onChange(checked ? [...selected, value] : selected.filter((one) => one !== value));
  return html`
    <fieldset>
      <legend>${legend}</legend>
      <p class="note">${note}</p>
      <div class="checkboxes">
        ${options.map(([value, label]) => html`<${Checkbox} key=${value} label=${label} checked=${selected.includes(value)} onChange=${(/** @type {boolean} */ checked) => toggle(value, checked)} />`)}
      </div>
    </fieldset>
  `;
}
