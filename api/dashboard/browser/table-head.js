import { html } from './html.js';
import { zoneName } from './time.js';

/** @typedef {import('./list-columns.js').Column} Column */
/** @typedef {import('./selection.js').Selection} Selection */

/**
 * Shows the header of the list, with buttons that sort it and a checkbox that selects all loaded alerts. On a phone the
 * header is only for screen readers, without controls that cannot be seen.
 * @param {{ columns: Column[], sort: string, search: boolean, phone: boolean, count: number, selection: Selection | null, onSort: (sort: string) => void }} props
 *   search: the list is a search
 */
export function TableHead({ columns, sort, search, phone, count, selection, onSort }) {
  return html`
    <div role="rowgroup" class="head">
      <div role="row" class="row" aria-rowindex="1">
        ${selection && html`<${SelectAll} phone=${phone} count=${count} selection=${selection} />`}
        ${columns.map((column) => html`<${ColumnHeader} key=${column.id} column=${column} sort=${sort} search=${search} phone=${phone} onSort=${onSort} />`)}
      </div>
    </div>
  `;
}

/** @param {{ phone: boolean, count: number, selection: Selection }} props */
function SelectAll({ phone, count, selection }) {
  if (phone) return html`<span role="columnheader" class="select"><span class="visually-hidden">Selected</span></span>`;
  const { length } = selection.alerts;
  const all = length > 0 && length === count;
  return html`
    <span role="columnheader" class="select">
      <label><input type="checkbox" aria-label="Select all loaded alerts" title="Select all loaded alerts" checked=${all} indeterminate=${length > 0 && !all}
        onClick=${all ? selection.clear : selection.selectAll} /></label>
    </span>
  `;
}

/** @param {{ column: Column, sort: string, search: boolean, phone: boolean, onSort: (sort: string) => void }} props */
function ColumnHeader({ column: { id, name, sort: by }, sort, search, phone, onSort }) {
  const label = id === 'received' ? `${name} (${zoneName()})` : name;
  if (by === undefined || phone) return html`<span role="columnheader" class=${id}>${label}</span>`;
  const current = sort === '' ? '-received_at' : sort;
  const direction = current === by ? 'ascending' : current === `-${by}` ? 'descending' : 'none';
  const next = nextSort(by, direction);
  const scope = by === 'received_at' && !search ? 'Sorts all alerts' : 'Sorts the loaded rows';
  return html`
    <span role="columnheader" class=${id} aria-sort=${direction}>
      <button type="button" class="sort" title=${scope} onClick=${() => onSort(next)}>${label}<span class="arrow" aria-hidden="true">${ARROWS[direction]}</span></button>
    </span>
  `;
}

const ARROWS = { ascending: '▲', descending: '▼', none: '' };

/**
 * Returns what a click on the header of a column sorts by: ascending, descending, and then newest first again.
 * @param {string} by
 * @param {'ascending' | 'descending' | 'none'} direction
 */
function nextSort(by, direction) {
  if (by === 'received_at') return direction === 'descending' ? by : '';
  return { none: by, ascending: `-${by}`, descending: '' }[direction];
}
