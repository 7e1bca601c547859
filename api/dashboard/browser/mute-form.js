import { useEffect, useRef, useState } from 'preact/hooks';
import { useSubmit } from './destination-form.js';
import { createMute } from './destination-requests.js';
import { FAILURE_CODES } from './failure-codes.js';
import { errorsAt, LabelledInput } from './form-fields.js';
import { html } from './html.js';
import { fromTimeInput, zoneName } from './time.js';

/** @typedef {import('./destination-requests.js').Destination} Destination */
/** @typedef {{ currentTarget: HTMLInputElement | HTMLSelectElement }} InputEvent */

/** @type {[duration: string, label: string][]} */
const DURATIONS = [
  ['1h', '1 hour'],
  ['4h', '4 hours'],
  ['24h', '1 day'],
  ['168h', '7 days'],
  ['', 'Until a time …'],
];
const NAMES = /** @type {const} */ (['store', 'failure_code', 'destination', 'duration', 'ends_at', 'reason']);
const NO_VALUES = { store: '', failure_code: '', destination: '', duration: '4h', ends_at: '', reason: '' };

/** @param {{ destinations: Destination[], onSaved: () => void, onCancel: () => void }} props */
export function MuteForm({ destinations, onSaved, onCancel }) {
  const [values, setValues] = useState(NO_VALUES);
  const { error, busy, submit, form } = useSubmit(async () => {
    await createMute(bodyOf(values));
    onSaved();
  });
  const firstField = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => firstField.current?.focus(), []);
  const errors = error?.errors ?? [];
  /** @param {keyof typeof NO_VALUES} name @param {string} label @param {(attributes: Record<string, unknown>) => unknown} input */
  const field = (name, label, input) => {
    const onInput = (/** @type {InputEvent} */ { currentTarget }) =>
      setValues({ ...values, [name]: currentTarget.value });
    return html`<${LabelledInput} label=${label} pointer=${`#/${name}`} errors=${errors} input=${(/** @type {Record<string, unknown>} */ attributes) => input({ ...attributes, value: values[name], onInput })} />`;
  };
  const others = errors.filter((one) => !NAMES.some((name) => errorsAt([one], `#/${name}`).length > 0));
  return html`
    <form ref=${form} class="mute-form" novalidate onSubmit=${submit} aria-busy=${busy}>
      ${field('store', 'Store', (attributes) => html`<input ...${attributes} ref=${firstField} maxlength="128" autocomplete="off" placeholder="Any" />`)}
      ${field('failure_code', 'Failure code', (attributes) => html`<select ...${attributes}><option value="">Any</option>${Object.keys(FAILURE_CODES).map((code) => html`<option value=${code}>${code}</option>`)}</select>`)}
      ${field('destination', 'Destination', (attributes) => html`<select ...${attributes}><option value="">All</option>${destinations.map(({ id, name }) => html`<option value=${id}>${name}</option>`)}</select>`)}
      ${field('duration', 'For', (attributes) => html`<select ...${attributes}>${DURATIONS.map(([duration, label]) => html`<option value=${duration}>${label}</option>`)}</select>`)}
      ${values.duration === '' && field('ends_at', `Ends at (${zoneName()})`, (attributes) => html`<input type="datetime-local" ...${attributes} />`)}
      ${field('reason', 'Reason', (attributes) => html`<input ...${attributes} maxlength="500" autocomplete="off" placeholder="Camera is being repaired" />`)}
      ${error && html`<p class="error" role="alert">${[error.message, ...others.map(({ detail }) => detail)].join(' ')}</p>`}
      <div class="actions">
        <button type="button" class="quiet" onClick=${onCancel}>Cancel</button>
        <button class="primary" aria-disabled=${busy}>Mute</button>
      </div>
    </form>
  `;
}

/** @param {typeof NO_VALUES} values */
function bodyOf({ duration, ends_at, reason, ...subject }) {
  const present = Object.entries(subject).filter(([, value]) => value !== '');
  const end = duration === '' ? { ends_at: fromTimeInput(ends_at) } : { duration };
  return { ...Object.fromEntries(present), ...end, reason };
}
