// A virtual list: the document contains only the rows that are visible.
import { useEffect, useRef, useState } from 'preact/hooks';
import { AlertRow } from './alert-row.js';
import { html } from './html.js';
import { PHONE, useMedia } from './media-query.js';
import { usePendingPictures } from './pending-pictures.js';
import { useRowNavigation } from './row-navigation.js';
import { TableHead } from './table-head.js';
import { useVisibleRows } from './visible-rows.js';

/** @typedef {import('./requests.js').Alert} Alert */
/** @typedef {ReturnType<typeof import('./alert-list.js').createAlertList>} AlertList */
/** @typedef {ReturnType<typeof import('./list-columns.js').useListSettings>} ListSettings */
/** @typedef {import('./selection.js').Selection} Selection */
/** @typedef {import('./view.js').View} View */

const KEYS =
  'Move through the list with the arrow keys, Page Up, Page Down, Home and End. Enter opens an alert, Escape closes it.';
const SELECT_KEYS = ' Space selects an alert, Shift with an arrow key several, Control A all that are loaded.';

/**
 * @param {{ list: AlertList, pictures: boolean, settings: ListSettings, view: View, selection: Selection | null,
 *   urlOfAlert: (uuid: string) => string, onOpen: (uuid: string) => void, onSort: (sort: string) => void }} props
 */
export function AlertTable({ list, pictures, settings, view, selection, urlOfAlert, onOpen, onSort }) {
  const body = useRef(/** @type {HTMLDivElement | null} */ (null));
  const { columns, compact, template } = settings;
  const phone = useMedia(PHONE);
  const look = ['table', pictures && 'with-pictures', compact && 'compact', selection && 'selectable']
    .filter(Boolean)
    .join(' ');
  const { first, last, height } = useVisibleRows(body, list, look);
  const { rows } = list;
  const navigation = useRowNavigation(body, rows, view.alert, { first, last, height }, selection);
  const { focusRow, onKey, onFocus } = navigation;
  const now = useNow();
  usePendingPictures(rows.slice(first, last), pictures, list.setPictures);
  const isFocusable = (/** @type {number} */ n) =>
    n === focusRow || (n === first && (focusRow < first || focusRow >= last));

  return html`
    <div class=${look} style=${{ '--columns': template }} role="table" aria-label="Alerts" aria-describedby="keys" aria-rowcount=${list.hasMore ? -1 : rows.length + 1} aria-busy=${list.loading}>
      <p id="keys" hidden>${KEYS}${selection && SELECT_KEYS}</p>
      <${TableHead} columns=${columns} sort=${view.sort} search=${view.q !== ''} phone=${phone} count=${rows.length} selection=${selection} onSort=${onSort} />
      <div role="rowgroup" ref=${body} onKeyDown=${onKey} class="body" style=${{ paddingTop: `${first * height}px`, paddingBottom: `${(rows.length - last) * height}px` }}>
        ${rows.slice(first, last).map(
          (alert, n) => html`
            <${AlertRow} key=${alert.uuid} alert=${alert} columns=${columns} index=${first + n + 2} now=${now} opened=${alert.uuid === view.alert} focusable=${isFocusable(first + n)}
              selection=${selection} url=${urlOfAlert(alert.uuid)} onOpen=${onOpen} onFocus=${onFocus} />
          `,
        )}
      </div>
    </div>
  `;
}

/** Returns the current time, updated every second. */
function useNow() {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
