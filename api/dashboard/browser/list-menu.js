import { Checkbox } from './form-fields.js';
import { html } from './html.js';
import { CHOICES, COLUMNS } from './list-columns.js';
import { PHONE, useMedia } from './media-query.js';
import { Menu } from './menu.js';

/** @typedef {import('./alert-table.js').ListSettings} ListSettings */
/** @typedef {{ currentTarget: HTMLSelectElement }} SelectEvent */

/**
 * Shows the menu that sets how the list looks: its order, its density and its columns.
 * @param {{ settings: ListSettings, sort: string, onSort: (sort: string) => void }} props
 */
export function ListMenu({ settings, sort, onSort }) {
  const { columns, compact } = settings;
  // A phone shows two lines per row instead of columns.
  const phone = useMedia(PHONE);
  const isShown = (/** @type {string} */ id) => columns.some((column) => column.id === id);
  return html`
    <${Menu} label="View" title="View of the list" className="list-menu">
      <label class="menu-field"><span>Order</span>
        <select value=${sort} onChange=${(/** @type {SelectEvent} */ e) => onSort(e.currentTarget.value)}>
          <option value="">Newest first</option>
          <option value="received_at">Oldest first</option>
          <optgroup label="The loaded rows by">${COLUMNS.flatMap(optionsOf)}</optgroup>
        </select>
      </label>
      <${Checkbox} label="Compact rows" checked=${compact} onChange=${settings.setCompact} />
      ${
        !phone &&
        html`<fieldset><legend>Columns</legend>
        ${CHOICES.map(({ id, name }) => html`<${Checkbox} key=${id} label=${name} checked=${isShown(id)} onChange=${(/** @type {boolean} */ show) => settings.show(id, show)} />`)}
      </fieldset>`
      }
      <button type="button" onClick=${settings.reset}>Reset</button>
      <p class="note">This browser remembers density and columns.</p>
    <//>
  `;
}

/** @param {import('./list-columns.js').Column} column */
function optionsOf({ name, sort }) {
  if (sort === undefined || sort === 'received_at') return [];
  return [
    html`<option value=${sort}>${name}, ascending</option>`,
    html`<option value=${`-${sort}`}>${name}, descending</option>`,
  ];
}
