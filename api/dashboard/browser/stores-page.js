// All stores: what each one sent, how much of it failed, and since when it is silent.
import { useEffect, useState } from 'preact/hooks';
import { Banners } from './banners.js';
import { formatCount } from './format.js';
import { html } from './html.js';
import { asRequestError } from './requests.js';
import { SearchFilter } from './search-filter.js';
import { listStores } from './store-requests.js';
import { COLUMNS, StoreTable } from './store-table.js';
import { Time } from './time.js';
import { RANGES } from './view.js';

/** @typedef {import('./main.js').PageProps} PageProps */
/** @typedef {import('./requests.js').RequestError} RequestError */
/** @typedef {import('./store-requests.js').StorePage} StorePage */
/** @typedef {import('./view.js').View} View */
/** @typedef {{ currentTarget: HTMLSelectElement }} SelectEvent */

const PERIODS = ['1h', '24h', '7d'];
const REFRESH_MS = 15_000;

/** Shows the overview of the stores. @param {PageProps} props */
export function StoresPage(props) {
  const { view, navigate } = props;
  const { page, loading, error, loadMore, reload } = useStores(view);
  return html`
    <main class="stores">
      <${Banners} ...${props} />
      <section class="alerts" id="stores" aria-labelledby="stores-title" tabindex="-1">
        <div class="list-header">
          <h2 id="stores-title">Stores</h2>
          ${page && html`<p class="note" role="status"><${Summary} page=${page} /></p>`}
        </div>
        <${StoreFilters} view=${view} navigate=${navigate} />
        ${page && html`<${StoreTable} stores=${page.data} bucketSeconds=${page.bucket_seconds} now=${Date.parse(page.to)} view=${view} navigate=${navigate} loading=${loading} />`}
        ${error && html`<p class="list-end error" role="alert">Cannot show the stores: ${error.message} <button onClick=${reload}>Try again</button></p>`}
        ${!page && loading && html`<p class="list-end note" role="status">Loading …</p>`}
        ${page?.total === 0 && html`<p class="list-end note">${view.q === '' ? 'No store has sent an alert yet.' : 'No store has this name.'}</p>`}
        ${page && page.next_cursor !== null && html`<div class="list-end"><button aria-disabled=${loading} onClick=${loadMore}>${loading ? 'Loading …' : 'Load more stores'}</button></div>`}
      </section>
    </main>
  `;
}

/** @param {{ page: StorePage }} props */
function Summary({ page: { total, to, counted_from } }) {
  return html`
    ${formatCount(total, 'store')}, counted <${Time} at=${to} />.
    ${counted_from !== null && html` Only alerts since <${Time} at=${counted_from} withZone /> were counted.`}
  `;
}

/** @param {Pick<PageProps, 'view' | 'navigate'>} props */
function StoreFilters({ view, navigate }) {
  const sorts = [['', 'Most problems'], ...COLUMNS, ['trend', 'Growing failures']];
  return html`
    <search class="filters" aria-label="Filters">
      <${SearchFilter} q=${view.q} placeholder="Name of a store" navigate=${navigate} />
      <label><span>Period</span>
        <select value=${view.period || '24h'} onChange=${(/** @type {SelectEvent} */ e) => navigate({ period: e.currentTarget.value === '24h' ? '' : e.currentTarget.value })}>
          ${PERIODS.map((period) => html`<option value=${period}>${RANGES[period]?.label}</option>`)}
        </select>
      </label>
      <label><span>Sorted by</span>
        <select value=${view.sort} onChange=${(/** @type {SelectEvent} */ e) => navigate({ sort: e.currentTarget.value, order: '' })}>
          ${sorts.map(([sort, label]) => html`<option value=${sort}>${label}</option>`)}
        </select>
      </label>
    </search>
  `;
}

/**
 * Returns the stores that were loaded so far. The first page is refreshed while no other one is loaded.
 * @param {View} view
 */
function useStores({ period, q, sort, order }) {
  const [page, setPage] = useState(/** @type {StorePage | null} */ (null));
  const [request, setRequest] = useState({ cursor: /** @type {string | null} */ (null) });
  const [loading, setLoading] = useState(true);
  const [error, setError] = useState(/** @type {RequestError | null} */ (null));
  const reload = () => setRequest({ cursor: null });
  useEffect(reload, [period, q, sort, order]);
  useEffect(() => {
    const closed = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const load = async () => {
      setLoading(true);
      try {
        const next = await listStores({ period, q, sort, order }, request.cursor, closed.signal);
        setPage((before) => (request.cursor === null || before === null ? next : append(before, next)));
        setError(null);
      } catch (error) {
        if (closed.signal.aborted) return;
        setError(asRequestError(error));
      }
      setLoading(false);
      if (request.cursor === null) timer = setTimeout(refresh, REFRESH_MS);
    };
    const refresh = () => {
      if (document.hidden) timer = setTimeout(refresh, REFRESH_MS);
      else load();
    };
    load();
    return () => {
      closed.abort();
      clearTimeout(timer);
    };
  }, [period, q, sort, order, request]);
  const loadMore = () => {
    if (!loading) setRequest({ cursor: page?.next_cursor ?? null });
  };
  return { page, loading, error, loadMore, reload };
}

/** A store can move to a later page between two requests. @param {StorePage} before @param {StorePage} next @returns {StorePage} */
function append(before, next) {
  const known = new Set(before.data.map(({ store }) => store));
  return { ...next, data: [...before.data, ...next.data.filter(({ store }) => !known.has(store))] };
}
