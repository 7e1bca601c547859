import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useAlertList } from './alert-list.js';
import { AlertSection } from './alert-section.js';
import { Banners } from './banners.js';
import { Detail } from './detail.js';
import { Failures } from './failures.js';
import { html } from './html.js';
import { WaitingBanners } from './outage.js';
import { Overview } from './overview.js';
import { RetryDialog } from './retry-dialog.js';
import { useStatistics } from './statistics.js';
import { boundsOf, RANGES } from './view.js';

/** @typedef {import('./requests.js').Alert} Alert */
/** @typedef {import('./requests.js').Filter} Filter */
/** @typedef {import('./view.js').View} View */
/** @typedef {import('./main.js').PageProps} PageProps */

/**
 * Shows the overview, the list, the failures and the alert that is open.
 * @param {PageProps} props
 */
export function AlertsPage(props) {
  const { view, navigate, settings, events, notify } = props;
  const filter = useFilter(view);
  const list = useAlertList(filter, view.sort);
  const { statistics, error, refreshSoon } = useStatistics(view);
  const [changes, setChanges] = useState(/** @type {ReadonlyMap<string, Alert>} */ (new Map()));
  events.current = {
    onAlerts(alerts) {
      list.apply(alerts);
      setChanges(new Map(alerts.map((alert) => [alert.uuid, alert])));
      refreshSoon();
    },
    onGap() {
      list.reload();
      refreshSoon();
    },
  };
  const [retryFilter, setRetryFilter] = useState(/** @type {Partial<Filter> | null} */ (null));
  const { open, close } = useDetail(view, navigate);
  const change = useChange(changes, view.alert);
  const mayRetry = settings.scopes.includes('operate');
  const confirmRetry = (/** @type {Partial<Filter>} */ group) => setRetryFilter({ ...group, ...boundsOf(view) });
  return html`
    <main class=${view.alert === '' ? '' : 'with-detail'}>
      <${Banners} ...${props}>
        ${error && html`<p class="banner">Cannot refresh the overview: ${error.message}</p>`}
        <${WaitingBanners} statistics=${statistics} />
      <//>
      <${Overview} statistics=${statistics} view=${view} navigate=${navigate} period=${RANGES[view.range]?.label ?? 'Custom range'} />
      <${AlertSection} list=${list} filter=${filter} view=${view} navigate=${navigate} mayRetry=${mayRetry} statistics=${statistics} notify=${notify} onOpen=${open} />
      <aside aria-label=${view.alert === '' ? 'Failures' : 'Alert'}>
        ${view.alert !== '' && html`<${Detail} uuid=${view.alert} change=${change} view=${view} settings=${settings} onClose=${close} onKept=${list.reload} notify=${notify} />`}
        <${Failures} statistics=${statistics} view=${view} navigate=${navigate} mayRetry=${mayRetry} onRetry=${confirmRetry} />
      </aside>
    </main>
    ${retryFilter && html`<${RetryDialog} filter=${retryFilter} onClose=${() => setRetryFilter(null)} onDone=${notify} onOpen=${open} />`}
  `;
}

/** @param {View} view @returns {Filter} */
function useFilter(view) {
  const { q, status, store, failure_code, held, triage, range, from, to } = view;
  return useMemo(
    () => ({ q, status, store, failure_code, held, triage, ...boundsOf({ ...view, range, from, to }) }),
    [q, status, store, failure_code, held, triage, range, from, to],
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
