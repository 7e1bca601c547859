import { useEffect, useState } from 'preact/hooks';
import { FAILURE_CODES } from './failure-codes.js';
import { html } from './html.js';
import { STATUS_WORDS } from './status.js';
import { DAY_MS, RANGES } from './view.js';

/** @typedef {import('./view.js').View} View */
/** @typedef {{ currentTarget: HTMLInputElement }} InputEvent */
/** @typedef {{ currentTarget: HTMLSelectElement }} SelectEvent */

/** @param {{ view: View, go: (changes: Partial<View>) => void, stores: string[] }} props */
export function Filters({ view, go, stores }) {
  const any = view.status !== '' || view.store !== '' || view.failure_code !== '' || view.range !== '24h';
  const chooseRange = (/** @type {SelectEvent} */ { currentTarget: { value } }) => {
    if (value !== 'custom') return go({ range: value, from: '', to: '' });
    go({ range: 'custom', from: new Date(Date.now() - DAY_MS).toISOString(), to: '' });
  };
  return html`
    <search class="filters" aria-label="Filters">
      <label><span>Status</span>
        <select value=${view.status} onChange=${(/** @type {SelectEvent} */ e) => go({ status: e.currentTarget.value })}>
          <option value="">Any</option>
          ${Object.entries(STATUS_WORDS).map(([status, word]) => html`<option value=${status}>${word}</option>`)}
        </select>
      </label>
      <${StoreFilter} store=${view.store} stores=${stores} go=${go} />
      <label><span>Failure</span>
        <select value=${view.failure_code} onChange=${(/** @type {SelectEvent} */ e) => go({ failure_code: e.currentTarget.value })}>
          <option value="">Any</option>
          ${Object.keys(FAILURE_CODES).map((code) => html`<option value=${code}>${code}</option>`)}
        </select>
      </label>
      <label><span>Received</span>
        <select value=${view.range} onChange=${chooseRange}>
          ${Object.entries(RANGES).map(([range, { label }]) => html`<option value=${range}>${label}</option>`)}
          <option value="custom">From … to …</option>
        </select>
      </label>
      ${
        view.range === 'custom' &&
        html`
        <${MomentFilter} label="From" at=${view.from} onChoose=${(/** @type {string} */ from) => go({ from })} />
        <${MomentFilter} label="To" at=${view.to} onChoose=${(/** @type {string} */ to) => go({ to })} />
      `
      }
      ${any && html`<button class="quiet" onClick=${() => go(NO_FILTERS)}>Clear</button>`}
    </search>
  `;
}

/** @type {Partial<View>} */
export const NO_FILTERS = { status: '', store: '', failure_code: '', range: '24h', from: '', to: '' };

/** Chosen when the reader has written it to its end: each step back in the history is a whole name. @param {{ store: string, stores: string[], go: (changes: Partial<View>) => void }} props */
function StoreFilter({ store, stores, go }) {
  const [text, setText] = useState(store);
  useEffect(() => setText(store), [store]);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    go({ store: text });
  };
  return html`
    <form onSubmit=${submit}>
      <label><span>Store</span>
        <input type="search" list="stores" value=${text} placeholder="Any" maxlength="128" autocomplete="off"
          onInput=${(/** @type {InputEvent} */ e) => setText(e.currentTarget.value)}
          onChange=${(/** @type {InputEvent} */ e) => go({ store: e.currentTarget.value })} />
      </label>
      <datalist id="stores">${stores.map((name) => html`<option value=${name} />`)}</datalist>
    </form>
  `;
}

/** @param {{ label: string, at: string, onChoose: (at: string) => void }} props */
function MomentFilter({ label, at, onChoose }) {
  const choose = (/** @type {InputEvent} */ { currentTarget: { value } }) => {
    const date = new Date(value);
    onChoose(Number.isNaN(date.getTime()) ? '' : date.toISOString());
  };
  return html`<label><span>${label}</span><input type="datetime-local" value=${local(at)} onChange=${choose} /></label>`;
}

/** In the reader's zone, as an input wants it. @param {string} at */
function local(at) {
  if (at === '') return '';
  const date = new Date(at);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
