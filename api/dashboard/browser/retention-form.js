import { useEffect, useRef, useState } from 'preact/hooks';
import { useSubmit } from './destination-form.js';
import { errorsAt, LabelledInput } from './form-fields.js';
import { html } from './html.js';
import { previewRule } from './retention-requests.js';

/** @typedef {import('./retention-requests.js').NewRule} NewRule */
/** @typedef {import('./retention-requests.js').Preview} Preview */

const NAMES = /** @type {const} */ (['store', 'status', 'days']);

/**
 * Shows the form of a rule. `onPreview` gets the rule and what it would delete: nothing is saved yet.
 * @param {{ onPreview: (rule: NewRule, preview: Preview) => void, onCancel: () => void }} props
 */
export function RetentionForm({ onPreview, onCancel }) {
  const [values, setValues] = useState({ store: '', status: '', days: '' });
  const { error, busy, submit, form } = useSubmit(async () => {
    const rule = ruleOf(values);
    onPreview(rule, await previewRule(rule));
  });
  const firstField = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => firstField.current?.focus(), []);
  const errors = error?.errors ?? [];
  /** @param {keyof typeof values} name @param {string} label @param {(attributes: Record<string, unknown>) => unknown} input @param {string} [note] */
  const field = (name, label, input, note) => {
    const onInput = (/** @type {{ currentTarget: HTMLInputElement | HTMLSelectElement }} */ { currentTarget }) =>
      setValues({ ...values, [name]: currentTarget.value });
    return html`<${LabelledInput} label=${label} note=${note} pointer=${`#/${name}`} errors=${errors} input=${(/** @type {Record<string, unknown>} */ attributes) => input({ ...attributes, value: values[name], onInput })} />`;
  };
  const others = errors.filter((one) => !NAMES.some((name) => errorsAt([one], `#/${name}`).length > 0));
  return html`
    <form ref=${form} class="retention-form" novalidate onSubmit=${submit} aria-busy=${busy}>
      ${field('store', 'Store', (attributes) => html`<input ...${attributes} ref=${firstField} maxlength="128" autocomplete="off" placeholder="All" />`)}
      ${field('status', 'Status', (attributes) => html`<select ...${attributes}><option value="">Processed and failed</option><option value="processed">Processed</option><option value="failed">Failed</option></select>`)}
      ${field('days', 'Days', (attributes) => html`<input type="number" min="1" max="36500" ...${attributes} placeholder="Forever" />`, 'Alerts are deleted this long after their receipt. Empty: never.')}
      ${error && html`<p class="error" role="alert">${[error.message, ...others.map(({ detail }) => detail)].join(' ')}</p>`}
      <div class="actions">
        <button type="button" class="quiet" onClick=${onCancel}>Cancel</button>
        <button class="primary" aria-disabled=${busy}>Continue</button>
      </div>
    </form>
  `;
}

/** @param {{ store: string, status: string, days: string }} values @returns {NewRule} */
function ruleOf({ store, status, days }) {
  return {
    store: store === '' ? null : store,
    status: status === 'processed' || status === 'failed' ? status : null,
    days: days === '' ? null : Number(days),
  };
}
