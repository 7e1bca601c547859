import { useEffect, useRef, useState } from 'preact/hooks';
import { ConfigFields } from './config-fields.js';
import { KINDS, kindLabel } from './destination-kinds.js';
import { changeDestination, createDestination } from './destination-requests.js';
import { bodyOf, configValues, valuesOf } from './destination-values.js';
import { FilterFields } from './filter-fields.js';
import { errorsAt, LabelledInput } from './form-fields.js';
import { html } from './html.js';
import { asRequestError } from './requests.js';

/** @typedef {import('./destination-requests.js').Destination} Destination */
/** @typedef {import('./destination-requests.js').Kind} Kind */
/** @typedef {import('./destination-values.js').Values} Values */
/** @typedef {import('./requests.js').RequestError} RequestError */

/**
 * Shows the form that adds a destination, or changes one.
 * @param {{ destination?: Destination | undefined, onSaved: (saved: Destination & { signing_secret?: string }) => void, onCancel: () => void }} props
 */
export function DestinationForm({ destination, onSaved, onCancel }) {
  const isNew = destination === undefined;
  const [values, setValues] = useState(() => valuesOf(destination));
  const { error, busy, submit, form } = useSubmit(async () => {
    const body = bodyOf(values, isNew);
    onSaved(isNew ? await createDestination(body) : await changeDestination(destination.id, body));
  });
  const change = (/** @type {Partial<Values>} */ changes) => setValues({ ...values, ...changes });
  const errors = error?.errors ?? [];
  return html`
    <form ref=${form} class="destination-form" novalidate onSubmit=${submit} aria-busy=${busy}>
      <${KindField} kind=${values.kind} isNew=${isNew} onChange=${(/** @type {Kind} */ kind) => change({ kind, config: configValues(kind) })} />
      <${LabelledInput} label="Name" pointer="#/name" errors=${errors} input=${(
        /** @type {Record<string, unknown>} */ attributes,
      ) =>
        html`<input ...${attributes} maxlength="128" autocomplete="off" value=${values.name} onInput=${(/** @type {{ currentTarget: HTMLInputElement }} */ e) => change({ name: e.currentTarget.value })} />`} />
      <${ConfigFields} values=${values} secrets=${destination?.secrets ?? []} errors=${errors} onChange=${change} />
      <${FilterFields} values=${values} errors=${errors} onChange=${change} />
      ${error && html`<p class="error" role="alert">${messageOf(error)}</p>`}
      <div class="actions">
        <button type="button" class="quiet" onClick=${onCancel}>Cancel</button>
        <button class="primary" aria-disabled=${busy}>${isNew ? 'Add destination' : 'Save changes'}</button>
      </div>
    </form>
  `;
}

/** @param {{ kind: Kind, isNew: boolean, onChange: (kind: Kind) => void }} props */
function KindField({ kind, isNew, onChange }) {
  if (!isNew) return html`<p class="note">${kindLabel(kind)}. ${KINDS[kind].note}</p>`;
  const select = (/** @type {{ currentTarget: HTMLSelectElement }} */ { currentTarget }) => {
    if (Object.hasOwn(KINDS, currentTarget.value)) onChange(/** @type {Kind} */ (currentTarget.value));
  };
  return html`
    <${LabelledInput} label="Kind" pointer="#/kind" errors=${[]} note=${KINDS[kind].note} input=${(
      /** @type {Record<string, unknown>} */ attributes,
    ) =>
      html`<select ...${attributes} value=${kind} onChange=${select}>${Object.entries(KINDS).map(([name, { label }]) => html`<option value=${name}>${label}</option>`)}</select>`} />
  `;
}

/** Returns the problem's message with the errors that no input shows. @param {RequestError} error */
function messageOf({ message, errors }) {
  const shown = ['#/name', '#/config', '#/filter/stores', '#/group'].flatMap((pointer) => errorsAt(errors, pointer));
  const others = errors.filter((error) => !shown.includes(error) || error.pointer === '#/config');
  return [message, ...others.map(({ pointer, detail }) => `${pointer.slice(2)} ${detail}.`)].join(' ');
}

/** Returns the state of a form that `send` submits; the first input with an error gets the focus. @param {() => Promise<void>} send */
export function useSubmit(send) {
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));
  const [error, setError] = useState(/** @type {RequestError | null} */ (null));
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    const invalid = error && form.current?.querySelector('[aria-invalid="true"]');
    if (invalid instanceof HTMLElement) invalid.focus();
  }, [error]);
  async function submit(/** @type {Event} */ event) {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    try {
      await send();
      setError(null);
    } catch (error) {
      setError(asRequestError(error));
    }
    setBusy(false);
  }
  return { error, busy, submit, form };
}
