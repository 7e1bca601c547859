import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { AlertTable } from './alert-table.js';
import { EmptyList } from './empty-list.js';
import { ExportButton } from './export-button.js';
import { FAILURE_CODES } from './failure-codes.js';
import { Filters, NO_FILTERS } from './filters.js';
import { formatCount } from './format.js';
import { html } from './html.js';
import { useListSettings } from './list-columns.js';
import { ListMenu } from './list-menu.js';
import { splitSort } from './list-order.js';
import { PictureSwitch, usePictureSetting } from './picture-setting.js';
import { useSelection } from './selection.js';
import { SelectionBar } from './selection-bar.js';
import { SelectionDialog } from './selection-dialog.js';
import { STATUS_LABELS } from './status.js';
import { Time } from './time.js';
import { urlOf } from './view.js';

/** @typedef {import('./requests.js').Alert} Alert */
/** @typedef {import('./requests.js').Filter} Filter */
/** @typedef {import('./view.js').View} View */
/** @typedef {import('./view.js').Navigate} Navigate */
/** @typedef {import('./alert-table.js').AlertList} AlertList */

const MAX_SUGGESTED_STORES = 200;

/**
 * Shows the filters, the list, and what can be done with the selected alerts.
 * @param {{ list: AlertList, filter: Filter, view: View, navigate: Navigate, mayRetry: boolean,
 *   statistics: import('./requests.js').Statistics | null, notify: (text: string) => void, onOpen: (uuid: string) => void }} props
 */
export function AlertSection({ list, filter, view, navigate, mayRetry, statistics, notify, onOpen }) {
  const stores = useMemo(
    () => [...new Set(list.rows.map(({ store }) => store))].sort().slice(0, MAX_SUGGESTED_STORES),
    [list.rows],
  );
  const urlOfAlert = (/** @type {string} */ alert) => urlOf({ ...view, alert });
  const clear = () => navigate(NO_FILTERS);
  const [pictures, showPictures] = usePictureSetting();
  const settings = useListSettings(pictures);
  const selection = useSelection(list);
  const [action, setAction] = useState(/** @type {{ name: 'retry' | 'acknowledge', alerts: Alert[] } | null} */ (null));
  const sortBy = (/** @type {string} */ sort) => navigate({ sort });
  return html`
    <section class="alerts" id="alerts" aria-labelledby="alerts-title" tabindex="-1">
      <h2 id="alerts-title" class="visually-hidden">Alerts</h2>
      <div class="filter-bar">
        <${Filters} view=${view} navigate=${navigate} stores=${stores}>
          <div class="list-actions">
            <${PictureSwitch} shown=${pictures} onChange=${showPictures} />
            <${ExportButton} filter=${filter} statistics=${statistics} notify=${notify} />
            <${ListMenu} settings=${settings} sort=${view.sort} onSort=${sortBy} />
          </div>
        <//>
      </div>
      ${list.hiddenCount > 0 && html`<button class="new-alerts" onClick=${() => showNewAlerts(list)}>Show ${formatCount(list.hiddenCount, 'new alert')}</button>`}
      <${AlertTable} list=${list} pictures=${pictures} settings=${settings} view=${view} selection=${mayRetry ? selection : null} onOpen=${onOpen} onSort=${sortBy} urlOfAlert=${urlOfAlert} />
      <${ListEnd} list=${list} filter=${filter} range=${view.range} sort=${view.sort} onClear=${clear} navigate=${navigate} />
      ${selection.alerts.length > 0 && html`<${SelectionBar} selection=${selection} loaded=${list.rows.length} onAction=${(/** @type {'retry' | 'acknowledge'} */ name, /** @type {Alert[]} */ alerts) => setAction({ name, alerts })} />`}
      ${action && html`<${SelectionDialog} ...${action} onClose=${() => setAction(null)} />`}
    </section>
  `;
}

/** @param {AlertList} list */
function showNewAlerts(list) {
  list.setPaused(false);
  const alerts = document.getElementById('alerts');
  alerts?.scrollIntoView();
  // The button that had the focus no longer exists.
  alerts?.focus();
}

/**
 * Shows what follows the last row: an error, a button that loads more, or that there are no more.
 * @param {{ list: AlertList, filter: Filter, range: string, sort: string, onClear: () => void, navigate: Navigate }} props
 */
function ListEnd({ list, filter, range, sort, onClear, navigate }) {
  const total = useFocusAfter(list.hasMore);
  if (list.error) return html`<${ListError} list=${list} filter=${filter} onClear=${onClear} />`;
  // The button stays while it loads: Tab to it scrolls to the end, which starts loading, and would lose the focus.
  if (list.hasMore) return html`<${LoadMore} list=${list} oldestFirst=${splitSort(sort, filter).oldestFirst} />`;
  if (list.loading) return html`<p class="list-end note" role="status">Loading …</p>`;
  if (list.searchedFrom !== null)
    return html`<${SearchEnd} from=${list.searchedFrom} count=${list.rows.length} navigate=${navigate} />`;
  if (list.rows.length > 0)
    return html`<p ref=${total} class="list-end note" tabindex="-1">${formatCount(list.rows.length, 'alert')} in total</p>`;
  return html`<${EmptyList} filter=${filter} range=${range} onClear=${onClear} navigate=${navigate} />`;
}

/** @param {{ list: AlertList, oldestFirst: boolean }} props */
function LoadMore({ list, oldestFirst }) {
  const label = oldestFirst ? 'Load newer alerts' : 'Load older alerts';
  return html`
    <div class="list-end">
      ${list.sortedBy !== '' && html`<p class="note">Only the ${formatCount(list.rows.length, 'loaded alert')} ${list.rows.length === 1 ? 'is' : 'are'} sorted.</p>`}
      <button aria-disabled=${list.loading} onClick=${list.loadMore}>${list.loading ? 'Loading …' : label}</button>
    </div>
  `;
}

/** @param {{ list: AlertList, filter: Filter, onClear: () => void }} props */
function ListError({ list, filter, onClear }) {
  const status = list.error?.status;
  const loginUrl = `/login?${new URLSearchParams({ next: location.pathname + location.search })}`;
  return html`
    <div class="list-end error" role="alert">
      ${
        status === 401
          ? html`<p>You are logged out.</p><a href=${loginUrl}>Log in</a>`
          : status === 422
            ? html`<p>${invalidFilter(filter)}</p><button onClick=${onClear}>Clear filters</button>`
            : html`<p>Cannot load alerts: ${list.error?.message}</p><button onClick=${list.reload}>Try again</button>`
      }
    </div>
  `;
}

/** Returns why the API rejects a filter: the page's own inputs only allow valid values. @param {Filter} filter */
function invalidFilter({ status, failure_code }) {
  if (status !== '' && !Object.hasOwn(STATUS_LABELS, status)) return `Unknown status "${status}" in the address.`;
  if (failure_code !== '' && !Object.hasOwn(FAILURE_CODES, failure_code))
    return `Unknown failure code "${failure_code}" in the address.`;
  return 'Invalid filter in the address.';
}

/** Shows that older alerts were not searched. @param {{ from: string, count: number, navigate: Navigate }} props */
function SearchEnd({ from, count, navigate }) {
  const searchOlder = () => navigate({ range: 'custom', from: '', to: from });
  return html`
    <div class="list-end" role="status">
      <p class="note">${formatCount(count, 'alert')} found. Alerts received before <${Time} at=${from} withZone /> were searched by store only.</p>
      <button onClick=${searchOlder}>Search older alerts</button>
    </div>
  `;
}

/** Returns a ref that gets the focus if its element replaces the focused "load more" button. @param {boolean} hasMore */
function useFocusAfter(hasMore) {
  const successor = useRef(/** @type {HTMLElement | null} */ (null));
  const focused = document.activeElement?.closest('.list-end') !== null;
  useLayoutEffect(() => {
    if (!hasMore && focused) successor.current?.focus();
  }, [hasMore]);
  return successor;
}
