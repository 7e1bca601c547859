// The page as a whole: one state, the address; one stream; each part in a file of its own.
import { render } from 'preact';
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useAlertList } from './alert-list.js';
import { Detail } from './detail.js';
import { useEvents } from './events.js';
import { Failures } from './failures.js';
import { Filters, NO_FILTERS } from './filters.js';
import { count, Foreign, Moment } from './format.js';
import { html } from './html.js';
import { Overview } from './overview.js';
import { RetryDialog } from './retry-dialog.js';
import { useStatistics } from './statistics.js';
import { AlertTable } from './table.js';
import { addressOf, boundsOf, RANGES, useView } from './view.js';

/** @typedef {import('./requests.js').Alert} Alert */
/** @typedef {import('./requests.js').Filter} Filter */
/** @typedef {import('./view.js').View} View */
/** @typedef {{ name: string, keyed: boolean, scopes: string[], board: boolean, doneJobs: boolean, videos: string }} Settings As the server wrote them into the page. */

/** @param {{ settings: Settings }} props */
function Page({ settings }) {
  const [view, go] = useView();
  const filter = useFilter(view);
  const list = useAlertList(filter);
  const [changes, setChanges] = useState(/** @type {ReadonlyMap<string, Alert>} */ (new Map()));
  const { statistics, fault: statisticsFault, bump } = useStatistics(view);
  const connection = useEvents({
    onAlerts(alerts) {
      list.apply(alerts);
      setChanges(new Map(alerts.map((alert) => [alert.uuid, alert])));
      bump();
    },
    onGap() {
      list.reload();
      bump();
    },
  });
  const [retrying, setRetrying] = useState(/** @type {Partial<Filter> | null} */ (null));
  const [news, setNews] = useNews();
  const { open, close } = useDetail(view, go);
  const change = useChange(changes, view.alert);
  const bounded = (/** @type {Partial<Filter>} */ of) => setRetrying({ ...of, ...boundsOf(view) });
  return html`
    <a class="skip" href="#alerts">Skip to the alerts</a>
    <${Header} settings=${settings} connection=${connection} />
    <main class=${view.alert === '' ? '' : 'with-detail'}>
      <${Banners} connection=${connection} fault=${statisticsFault} />
      <${Overview} statistics=${statistics} view=${view} go=${go} period=${RANGES[view.range]?.label ?? 'Chosen period'} />
      <${Alerts} list=${list} filter=${filter} view=${view} go=${go} onOpen=${open} />
      <aside aria-label=${view.alert === '' ? 'Failures' : 'Detail'}>
        ${view.alert !== '' && html`<${Detail} uuid=${view.alert} change=${change} settings=${settings} onClose=${close} onNews=${setNews} />`}
        <${Failures} statistics=${statistics} view=${view} go=${go} mayRetry=${settings.scopes.includes('operate')} onRetry=${bounded} />
      </aside>
    </main>
    ${retrying && html`<${RetryDialog} filter=${retrying} onClose=${() => setRetrying(null)} onDone=${setNews} onOpen=${open} />`}
    <p class="news" role="status">${news}</p>
  `;
}

/** @param {{ connection: import('./events.js').Connection, fault: Error | null }} props */
function Banners({ connection, fault }) {
  return html`
    <div class="banners" role="status">
      ${connection === 'lost' && html`<p class="banner">Not connected. What is shown may be old; the page comes back by itself.</p>`}
      ${fault && html`<p class="banner">The overview is not up to date: ${fault.message}</p>`}
    </div>
  `;
}

/**
 * The list and what chooses from it.
 * @param {{ list: ReturnType<typeof useAlertList>, filter: Filter, view: View, go: (changes: Partial<View>) => void, onOpen: (uuid: string) => void }} props
 */
function Alerts({ list, filter, view, go, onOpen }) {
  const stores = useMemo(() => [...new Set(list.rows.map(({ store }) => store))].sort().slice(0, 200), [list.rows]);
  const addressOfAlert = (/** @type {string} */ alert) => addressOf({ ...view, alert });
  const widen = () => go({ range: 'all', from: '', to: '' });
  return html`
    <section class="alerts" id="alerts" aria-labelledby="alerts-title" tabindex="-1">
      <h2 id="alerts-title" class="unseen-title">Alerts</h2>
      <div class="bar"><${Filters} view=${view} go=${go} stores=${stores} /></div>
      ${list.held > 0 && html`<button class="held" onClick=${() => showHeld(list)}>${count(list.held, 'new alert')} – show</button>`}
      <${AlertTable} list=${list} chosen=${view.alert} onOpen=${onOpen} addressOf=${addressOfAlert} />
      <${End} list=${list} filter=${filter} range=${view.range} onClear=${() => go(NO_FILTERS)} onWiden=${widen} />
    </section>
  `;
}

/** @param {{ settings: Settings, connection: import('./events.js').Connection }} props */
function Header({ settings, connection }) {
  const words = { connecting: 'Connecting', live: 'Live', lost: 'Reconnecting' }[connection];
  return html`
    <header class="top">
      <h1>Video alerts</h1>
      <span class=${`connection ${connection}`} role="status">${words}</span>
      <nav aria-label="Other pages">
        ${settings.board && html`<a href="/queues">Queue</a>`}
        <a href="/docs">API</a>
      </nav>
      ${
        settings.keyed &&
        html`<form method="post" action="/logout"><span class="who"><${Foreign}>${settings.name}<//></span><button class="quiet">Log out</button></form>`
      }
    </header>
  `;
}

/**
 * What stands under the last row: why there is none, that there is more, or that this was all.
 * @param {{ list: ReturnType<typeof useAlertList>, filter: Filter, range: string, onClear: () => void, onWiden: () => void }} props
 */
function End({ list, filter, range, onClear, onWiden }) {
  const all = useFocusAfter(list.more);
  if (list.fault) {
    const ended = list.fault.status === 401;
    return html`
      <div class="end fault" role="alert">
        <p>${ended ? 'You are logged out.' : `The alerts cannot be shown: ${list.fault.message}`}</p>
        ${ended ? html`<a href=${`/login?${new URLSearchParams({ next: location.pathname + location.search })}`}>Log in</a>` : html`<button onClick=${list.reload}>Try again</button>`}
      </div>
    `;
  }
  // It stays while it works: to come to it by Tab scrolls to the end, which loads, and who stands on it would fall off.
  if (list.more)
    return html`<div class="end"><button aria-disabled=${list.loading} onClick=${list.loadMore}>${list.loading ? 'Loading …' : 'Load older alerts'}</button></div>`;
  if (list.loading) return html`<p class="end note" role="status">Loading …</p>`;
  if (list.rows.length > 0)
    return html`<p ref=${all} class="end note" tabindex="-1">${list.rows.length === 1 ? 'That is the only one.' : `That is all: ${count(list.rows.length, 'alert')}.`}</p>`;
  const narrowed = filter.status !== '' || filter.store !== '' || filter.failure_code !== '';
  return html`
    <div class="end empty">
      <p><b>${narrowed ? 'No alert matches these filters.' : range === 'all' ? 'No alert has come in yet.' : 'No alert came in during this time.'}</b></p>
      ${filter.from !== '' && html`<p class="note">Shown is what was received since <${Moment} at=${filter.from} />.</p>`}
      ${range === 'all' && !narrowed && html`<p class="note">Alerts appear here as soon as they are posted to <code>/alerts</code>.</p>`}
      <p>
        ${narrowed && html`<button onClick=${onClear}>Clear the filters</button>`}
        ${range !== 'all' && html` <button onClick=${onWiden}>Look at any time</button>`}
      </p>
    </div>
  `;
}

/** For what takes the place of the button that loads more: the focus, where the button had it. @param {boolean} more */
function useFocusAfter(more) {
  const after = useRef(/** @type {HTMLElement | null} */ (null));
  const focused = document.activeElement?.closest('.end') !== null;
  useLayoutEffect(() => {
    if (!more && focused) after.current?.focus();
  }, [more]);
  return after;
}

/** @param {View} view @returns {Filter} */
function useFilter(view) {
  const { status, store, failure_code, range, from, to } = view;
  return useMemo(
    () => ({ status, store, failure_code, ...boundsOf({ ...view, range, from, to }) }),
    [status, store, failure_code, range, from, to],
  );
}

/** The newest change of the alert whose detail is open. @param {ReadonlyMap<string, Alert>} changes @param {string} uuid */
function useChange(changes, uuid) {
  const last = useRef(/** @type {Alert | undefined} */ (undefined));
  const change = changes.get(uuid);
  if (change) last.current = change;
  return last.current?.uuid === uuid ? last.current : undefined;
}

/**
 * Opening and closing the detail: Escape closes, and the focus goes back to where it came from.
 * @param {View} view
 * @param {(changes: Partial<View>) => void} go
 */
function useDetail(view, go) {
  const open = useCallback((/** @type {string} */ alert) => go({ alert }), [go]);
  const close = useCallback(() => {
    const { alert } = view;
    go({ alert: '' });
    requestAnimationFrame(() => {
      const row = document.querySelector(`[data-uuid="${CSS.escape(alert)}"] a`) ?? document.getElementById('alerts');
      if (row instanceof HTMLElement) row.focus();
    });
  }, [view, go]);
  useEffect(() => {
    if (view.alert === '') return;
    const onKey = (/** @type {KeyboardEvent} */ event) => {
      if (event.key === 'Escape' && !document.querySelector('dialog[open]')) close();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [view.alert, close]);
  return { open, close };
}

const NEWS_MS = 6_000;

/** @returns {[string, (words: string) => void]} what was done last, for a while */
function useNews() {
  const [news, setNews] = useState('');
  useEffect(() => {
    if (news === '') return;
    const timer = setTimeout(() => setNews(''), NEWS_MS);
    return () => clearTimeout(timer);
  }, [news]);
  return [news, setNews];
}

/** @param {ReturnType<typeof useAlertList>} list */
function showHeld(list) {
  list.hold(false);
  const alerts = document.getElementById('alerts');
  alerts?.scrollIntoView();
  // The button that was pressed is gone.
  alerts?.focus();
}

const page = document.getElementById('page');
const settings = JSON.parse(document.querySelector('meta[name="settings"]')?.getAttribute('content') ?? '{}');
if (page) render(html`<${Page} settings=${settings} />`, page);
