// The whole page. Its state is the URL and one event stream; each component has its own file.
import { render } from 'preact';
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useAlertList } from './alert-list.js';
import { AlertSection } from './alert-section.js';
import { Detail } from './detail.js';
import { useEvents } from './events.js';
import { Failures } from './failures.js';
import { UntrustedText } from './format.js';
import { html } from './html.js';
import { useWaitingCauses, WaitingBanner } from './outage.js';
import { Overview } from './overview.js';
import { RetryDialog } from './retry-dialog.js';
import { SETTINGS } from './settings.js';
import { useStatistics } from './statistics.js';
import { showTimesIn } from './time.js';
import { boundsOf, RANGES, useView } from './view.js';
import { ZoneSwitch } from './zone-switch.js';

/** @typedef {import('./requests.js').Alert} Alert */
/** @typedef {import('./requests.js').Filter} Filter */
/** @typedef {import('./view.js').View} View */
/** @typedef {import('./events.js').Connection} Connection */
/** @typedef {import('../settings.ts').PageSettings} Settings */

const TOAST_MS = 6_000;

/** @param {{ settings: Settings }} props */
function Page({ settings }) {
  const [view, navigate] = useView();
  showTimesIn(view.zone);
  const filter = useFilter(view);
  const list = useAlertList(filter);
  const { statistics, error, refreshSoon } = useStatistics(view);
  const [changes, setChanges] = useState(/** @type {ReadonlyMap<string, Alert>} */ (new Map()));
  const connection = useEvents({
    onAlerts(alerts) {
      list.apply(alerts);
      setChanges(new Map(alerts.map((alert) => [alert.uuid, alert])));
      refreshSoon();
    },
    onGap() {
      list.reload();
      refreshSoon();
    },
  });
  useTitle(connection);
  const causes = useWaitingCauses(statistics);
  const [retryFilter, setRetryFilter] = useState(/** @type {Partial<Filter> | null} */ (null));
  const [toast, notify] = useToast();
  const { open, close } = useDetail(view, navigate);
  const change = useChange(changes, view.alert);
  const confirmRetry = (/** @type {Partial<Filter>} */ group) => setRetryFilter({ ...group, ...boundsOf(view) });
  return html`
    <a class="skip" href="#alerts">Skip to alerts</a>
    <${Header} settings=${settings} connection=${connection} view=${view} navigate=${navigate} />
    <main class=${view.alert === '' ? '' : 'with-detail'}>
      <${Banners} connection=${connection} error=${error} causes=${causes} />
      <${Overview} statistics=${statistics} view=${view} navigate=${navigate} period=${RANGES[view.range]?.label ?? 'Custom range'} />
      <${AlertSection} list=${list} filter=${filter} view=${view} navigate=${navigate} onOpen=${open} />
      <aside aria-label=${view.alert === '' ? 'Failures' : 'Alert'}>
        ${view.alert !== '' && html`<${Detail} uuid=${view.alert} change=${change} settings=${settings} onClose=${close} notify=${notify} />`}
        <${Failures} statistics=${statistics} view=${view} navigate=${navigate} mayRetry=${settings.scopes.includes('operate')} onRetry=${confirmRetry} />
      </aside>
    </main>
    ${retryFilter && html`<${RetryDialog} filter=${retryFilter} onClose=${() => setRetryFilter(null)} onDone=${notify} onOpen=${open} />`}
    <p class="toast" role="status">${toast}</p>
  `;
}

/** Shows a lost connection in the tab too, where an operator sees it while another page is open. @param {Connection} connection */
function useTitle(connection) {
  useEffect(() => {
    document.title = connection === 'lost' ? '⚠ Connection lost – Video alerts' : 'Video alerts';
  }, [connection]);
}

/** @param {{ settings: Settings, connection: Connection, view: View, navigate: import('./view.js').Navigate }} props */
function Header({ settings, connection, view, navigate }) {
  const label = { connecting: 'Connecting', live: 'Live', lost: 'Reconnecting' }[connection];
  return html`
    <header class="page-header">
      <h1>Video alerts</h1>
      <span class=${`connection ${connection}`} role="status">${label}</span>
      <${ZoneSwitch} view=${view} navigate=${navigate} />
      <nav aria-label="Other pages">
        ${settings.board && html`<a href="/queues">Queue</a>`}
        <a href="/docs">API</a>
      </nav>
      ${
        settings.keyed &&
        html`<form method="post" action="/logout"><span class="key-name"><${UntrustedText}>${settings.name}<//></span><button class="quiet">Log out</button></form>`
      }
    </header>
  `;
}

/** @param {{ connection: Connection, error: Error | null, causes: import('./outage.js').Cause[] }} props */
function Banners({ connection, error, causes }) {
  return html`
    <div class="banners" role="status">
      ${connection === 'lost' && html`<p class="banner">Connection lost. The data may be outdated; the page reconnects automatically.</p>`}
      ${error && html`<p class="banner">Cannot refresh the overview: ${error.message}</p>`}
      ${causes.map((cause) => html`<${WaitingBanner} key=${cause.code} cause=${cause} />`)}
    </div>
  `;
}

/** @param {View} view @returns {Filter} */
function useFilter(view) {
  const { q, status, store, failure_code, range, from, to } = view;
  return useMemo(
    () => ({ q, status, store, failure_code, ...boundsOf({ ...view, range, from, to }) }),
    [q, status, store, failure_code, range, from, to],
  );
}

/** Returns the newest change of the alert that is open. @param {ReadonlyMap<string, Alert>} changes @param {string} uuid */
function useChange(changes, uuid) {
  const last = useRef(/** @type {Alert | undefined} */ (undefined));
  const change = changes.get(uuid);
  if (change) last.current = change;
  return last.current?.uuid === uuid ? last.current : undefined;
}

/**
 * Opens and closes the detail. Escape closes it; then the alert's row gets the focus again.
 * @param {View} view
 * @param {(changes: Partial<View>) => void} navigate
 */
function useDetail(view, navigate) {
  const open = useCallback((/** @type {string} */ alert) => navigate({ alert }), [navigate]);
  const close = useCallback(() => {
    const { alert } = view;
    navigate({ alert: '' });
    requestAnimationFrame(() => {
      const row = document.querySelector(`[data-uuid="${CSS.escape(alert)}"] a`) ?? document.getElementById('alerts');
      if (row instanceof HTMLElement) row.focus();
    });
  }, [view, navigate]);
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

/** Returns a message that disappears after a while, and a function that sets it. @returns {[string, (text: string) => void]} */
function useToast() {
  const [toast, setToast] = useState('');
  useEffect(() => {
    if (toast === '') return;
    const timer = setTimeout(() => setToast(''), TOAST_MS);
    return () => clearTimeout(timer);
  }, [toast]);
  return [toast, setToast];
}

const page = document.getElementById('page');
if (page) render(html`<${Page} settings=${SETTINGS} />`, page);
