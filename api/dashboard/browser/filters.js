import { useEffect, useState } from 'preact/hooks';
import { FAILURE_CODES } from './failure-codes.js';
import { html } from './html.js';
import { SearchFilter } from './search-filter.js';
import { STATUS_LABELS } from './status.js';
import { fromTimeInput, toTimeInput, zoneName } from './time.js';
import { TriageFilter } from './triage-filter.js';
import { DAY_MS, NO_FILTER, RANGES } from './view.js';

/** @typedef {import('./view.js').View} View */
/** @typedef {import('./view.js').Navigate} Navigate */
/** @typedef {{ currentTarget: HTMLInputElement }} InputEvent */
/** @typedef {{ currentTarget: HTMLSelectElement }} SelectEvent */

/** @type {Partial<View>} */
export const NO_FILTERS = { ...NO_FILTER, range: '24h' };

/** Shows two lines, and a third one for a custom range. @param {{ view: View, navigate: Navigate, stores: string[], children?: unknown }} props children: the end of the first line */
export function Filters({ view, navigate, stores, children }) {
  const filtered =
    view.q !== '' ||
    view.status !== '' ||
    view.store !== '' ||
    view.failure_code !== '' ||
    view.held !== '' ||
    view.triage !== '' ||
    view.range !== '24h';
  const selectRange = (/** @type {SelectEvent} */ { currentTarget: { value } }) => {
    if (value !== 'custom') return navigate({ range: value, from: '', to: '' });
    navigate({ range: 'custom', from: new Date(Date.now() - DAY_MS).toISOString(), to: '' });
  };
  return html`
    <search class="alert-filters" aria-label="Filters">
      <div class="filter-line">
        <${SearchFilter} q=${view.q} navigate=${navigate} />
        <${TriageFilter} triage=${view.triage} navigate=${navigate} />
        ${filtered && html`<button class="quiet" onClick=${() => navigate(NO_FILTERS)}>Clear filters</button>`}
        ${children}
      </div>
      <div class="filter-line fields">
        <label><span>Status</span>
          <select value=${view.status} onChange=${(/** @type {SelectEvent} */ e) => navigate({ status: e.currentTarget.value })}>
            <option value="">Any</option>
            ${Object.entries(STATUS_LABELS).map(([status, label]) => html`<option value=${status}>${label}</option>`)}
          </select>
        </label>
        <${StoreFilter} store=${view.store} stores=${stores} navigate=${navigate} />
        <label><span>Failure code</span>
          <select value=${view.failure_code} onChange=${(/** @type {SelectEvent} */ e) => navigate({ failure_code: e.currentTarget.value })}>
            <option value="">Any</option>
            ${Object.keys(FAILURE_CODES).map((code) => html`<option value=${code}>${code}</option>`)}
          </select>
        </label>
        <label><span>Legal hold</span>
          <select value=${view.held} onChange=${(/** @type {SelectEvent} */ e) => navigate({ held: e.currentTarget.value })}>
            <option value="">Any</option>
            <option value="true">Held</option>
          </select>
        </label>
        <label><span>Received</span>
          <select value=${view.range} onChange=${selectRange}>
            ${Object.entries(RANGES).map(([range, { label }]) => html`<option value=${range}>${label}</option>`)}
            <option value="custom">Custom range</option>
          </select>
        </label>
      </div>
      ${
        view.range === 'custom' &&
        html`<div class="filter-line">
          <${TimeFilter} label="From" at=${view.from} onSelect=${(/** @type {string} */ from) => navigate({ from })} />
          <${TimeFilter} label="To" at=${view.to} onSelect=${(/** @type {string} */ to) => navigate({ to })} />
        </div>`
      }
    </search>
  `;
}

/**
 * Applies the store's name on Enter or blur, not on each key, so that each step back in the history is a whole name.
 * @param {{ store: string, stores: string[], navigate: Navigate }} props
 */
function StoreFilter({ store, stores, navigate }) {
  const [text, setText] = useState(store);
  useEffect(() => setText(store), [store]);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    navigate({ store: text });
  };
  return html`
    <form onSubmit=${submit}>
      <label><span>Store</span>
        <input type="search" list="stores" value=${text} placeholder="Any" maxlength="128" autocomplete="off"
          onInput=${(/** @type {InputEvent} */ e) => setText(e.currentTarget.value)}
          onChange=${(/** @type {InputEvent} */ e) => navigate({ store: e.currentTarget.value })} />
      </label>
      <datalist id="stores">${stores.map((name) => html`<option value=${name} />`)}</datalist>
    </form>
  `;
}

/** @param {{ label: string, at: string, onSelect: (at: string) => void }} props */
function TimeFilter({ label, at, onSelect }) {
  const select = (/** @type {InputEvent} */ { currentTarget: { value } }) => onSelect(fromTimeInput(value));
  return html`<label><span>${label} (${zoneName()})</span><input type="datetime-local" value=${toTimeInput(at)} onChange=${select} /></label>`;
}
