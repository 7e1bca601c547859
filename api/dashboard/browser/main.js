// The whole page. Its state is the URL and one event stream; each component has its own file.
import { render } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { AlertsPage } from './alerts-page.js';
import { AuditPage } from './audit-page.js';
import { useOverview } from './destinations.js';
import { DestinationsPage } from './destinations-page.js';
import { useEvents } from './events.js';
import { useFailureWatch } from './failure-watch.js';
import { Header } from './header.js';
import { whileHiddenFor } from './hidden-stream.js';
import { html } from './html.js';
import { RetentionPage } from './retention-page.js';
import { SETTINGS } from './settings.js';
import { SettingsPage } from './settings-page.js';
import { StoresPage } from './stores-page.js';
import { showTimesIn } from './time.js';
import { useView, viewOfAlerts } from './view.js';

/** @typedef {import('./events.js').Connection} Connection */
/** @typedef {import('./events.js').AlertEvents} AlertEvents */
/** @typedef {import('../settings.ts').PageSettings} Settings */
/**
 * @typedef {object} PageProps What every view of the page gets.
 * @property {Settings} settings
 * @property {import('./view.js').View} view
 * @property {import('./view.js').Navigate} navigate
 * @property {Connection} connection
 * @property {{ current: AlertEvents }} events The view that is shown sets what happens when alerts change.
 * @property {import('./destinations.js').Overview} overview
 * @property {(text: string) => void} notify Shows a message for some seconds.
 */

const PAGES = {
  '': AlertsPage,
  audit: AuditPage,
  destinations: DestinationsPage,
  retention: RetentionPage,
  settings: SettingsPage,
  stores: StoresPage,
};
const TITLES = {
  '': '',
  audit: 'Audit log – ',
  destinations: 'Destinations – ',
  retention: 'Retention – ',
  settings: 'Settings – ',
  stores: 'Stores – ',
};
const TOAST_MS = 6_000;
/** @type {AlertEvents} */
const IGNORE = { onAlerts() {}, onGap() {} };

/** @param {{ settings: Settings }} props */
function Page({ settings }) {
  const [view, navigate] = useView();
  showTimesIn(view.zone);
  const events = useRef(IGNORE);
  const watch = useFailureWatch(([first, ...others]) =>
    navigate(
      first && others.length === 0 ? viewOfAlerts(view, first.uuid) : { ...viewOfAlerts(view), status: 'failed' },
    ),
  );
  const connection = useEvents(useWatched(events, watch.onAlerts), useLatest(whileHiddenFor(watch.settings)));
  useTitle(connection, view.view, watch.unseen);
  const overview = useOverview(view.view === 'destinations');
  const [toast, notify] = useToast();
  const props = { settings, view, navigate, connection, events, overview, notify };
  const ofAlerts = view.view === '';
  if (!ofAlerts) events.current = IGNORE;
  return html`
    <a class="skip" href=${`#${view.view || 'alerts'}`}>${`Skip to ${view.view || 'alerts'}`}</a>
    <${Header} settings=${settings} connection=${connection} view=${view} navigate=${navigate} notifications=${watch.settings} onNotifications=${watch.change} />
    <${PAGES[view.view]} ...${props} />
    <p class="toast" role="status">${toast}</p>
  `;
}

/**
 * Shows a lost connection and new failures in the tab too, where an operator sees them while another page is open.
 * @param {Connection} connection
 * @param {import('./view.js').View['view']} view
 * @param {number} failures
 */
function useTitle(connection, view, failures) {
  useEffect(() => {
    const title = `${TITLES[view]}Video alerts`;
    const count = failures > 0 ? `(${failures}) ` : '';
    document.title = count + (connection === 'lost' ? `⚠ Connection lost – ${title}` : title);
  }, [connection, view, failures]);
}

/** Returns a ref that always has the value of the last render. @template Value @param {Value} value */
function useLatest(value) {
  const ref = useRef(value);
  ref.current = value;
  return ref;
}

/**
 * Returns handlers that also pass the alerts to `watch`, whatever view is shown.
 * @param {{ current: AlertEvents }} events
 * @param {(alerts: import('./requests.js').Alert[]) => void} watch
 */
function useWatched(events, watch) {
  return useLatest({
    onAlerts(/** @type {import('./requests.js').Alert[]} */ alerts) {
      watch(alerts);
      events.current.onAlerts(alerts);
    },
    onGap: () => events.current.onGap(),
  });
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
