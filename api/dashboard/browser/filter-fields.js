import { EVENT_LABELS, OFFERED_EVENTS } from './destination-kinds.js';
import { FAILURE_CODES } from './failure-codes.js';
import { Checkbox, Checkboxes, LabelledInput } from './form-fields.js';
import { html } from './html.js';

/** @typedef {import('./destination-values.js').Values} Values */
/** @typedef {import('./requests.js').FieldError} FieldError */

/**
 * Shows which alerts a destination gets, and whether several share a message.
 * @param {{ values: Values, errors: FieldError[], onChange: (changes: Partial<Values>) => void }} props
 */
export function FilterFields({ values, errors, onChange }) {
  const events = [...new Set([...OFFERED_EVENTS, ...values.events])];
  return html`
    <${Checkboxes} legend="Events" note="None selected: all." selected=${values.events} options=${events.map((name) => [name, EVENT_LABELS[name] ?? name])}
      onChange=${(/** @type {string[]} */ selected) => onChange({ events: selected })} />
    <${LabelledInput} label="Stores" optional pointer="#/filter/stores" errors=${errors} note="One per line. Empty: all." input=${(
      /** @type {Record<string, unknown>} */ attributes,
    ) =>
      html`<textarea ...${attributes} rows="2" spellcheck=${false} value=${values.stores} onInput=${(/** @type {{ currentTarget: HTMLTextAreaElement }} */ e) => onChange({ stores: e.currentTarget.value })}></textarea>`} />
    <details class="codes" open=${values.failure_codes.length > 0}>
      <summary>Failure codes: ${values.failure_codes.length === 0 ? 'all' : values.failure_codes.length}</summary>
      <${Checkboxes} legend="Failure codes" note="For failed alerts only. None selected: all." selected=${values.failure_codes}
        options=${Object.keys(FAILURE_CODES).map((code) => [code, html`<code>${code}</code>`])}
        onChange=${(/** @type {string[]} */ selected) => onChange({ failure_codes: selected })} />
    </details>
    <${GroupFields} values=${values} errors=${errors} onChange=${onChange} />
    <fieldset>
      <legend>Picture</legend>
      <${Checkbox} label="Wait for the picture, at most 2 seconds" checked=${values.wait_for_picture} onChange=${(/** @type {boolean} */ wait_for_picture) => onChange({ wait_for_picture })} />
    </fieldset>
  `;
}

/** @param {{ values: Values, errors: FieldError[], onChange: (changes: Partial<Values>) => void }} props */
function GroupFields({ values, errors, onChange }) {
  const number = (/** @type {'wait_s' | 'interval_s'} */ name, /** @type {string} */ label) => html`
    <${LabelledInput} label=${label} pointer=${`#/group/${name}`} errors=${errors} input=${(
      /** @type {Record<string, unknown>} */ attributes,
    ) =>
      html`<input ...${attributes} inputmode="numeric" autocomplete="off" value=${values[name]} onInput=${(/** @type {{ currentTarget: HTMLInputElement }} */ e) => onChange({ [name]: e.currentTarget.value })} />`} />
  `;
  return html`
    <fieldset>
      <legend>Grouping</legend>
      <${Checkbox} label="One message for several alerts of a store" checked=${values.grouped} onChange=${(/** @type {boolean} */ grouped) => onChange({ grouped })} />
      ${values.grouped && html`<div class="pair">${number('wait_s', 'Collect alerts for (s)')}${number('interval_s', 'Then wait at least (s)')}</div>`}
    </fieldset>
  `;
}
