// The state of the page. All of it is in the URL, so that reloads, links and the back button work.
import { useCallback, useEffect, useState } from 'preact/hooks';
import { isSort } from './list-order.js';

/**
 * @typedef {object} View An empty string means "not set".
 * @property {'' | 'audit' | 'destinations' | 'retention' | 'settings' | 'stores'} view Empty: alerts.
 * @property {string} q Part of the name of a store or file, or of a uuid; in the settings, of a variable.
 * @property {string} status
 * @property {string} store
 * @property {string} failure_code
 * @property {string} held `true`: only alerts under a legal hold.
 * @property {string} triage `open`, `mine` or `acknowledged`.
 * @property {string} range A key of RANGES, or `custom` with `from` and `to`.
 * @property {string} from
 * @property {string} to
 * @property {string} zone `utc`, or the browser's zone.
 * @property {string} alert The uuid of the alert that is open.
 * @property {string} destination The id of the destination that is open, or `new`.
 * @property {string} delivery_status Which deliveries of it are shown.
 * @property {string} action Which entries of the audit log are shown.
 * @property {string} target What these entries are about: the id of an alert, a key …
 * @property {string} period Of the overview of the stores: a key of RANGES.
 * @property {string} sort What the list is sorted by, descending after `-`, or the stores; empty: newest, or most problems, first.
 * @property {string} order Of the stores: `asc` or `desc`.
 */

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** @type {Record<string, { label: string, ms: number }>} */
export const RANGES = {
  '1h': { label: 'Last hour', ms: HOUR_MS },
  '24h': { label: 'Last 24 hours', ms: DAY_MS },
  '7d': { label: 'Last 7 days', ms: 7 * DAY_MS },
  '30d': { label: 'Last 30 days', ms: 30 * DAY_MS },
  all: { label: 'Any time', ms: Number.POSITIVE_INFINITY },
};
/** What matches every alert. */
export const NO_FILTER = { q: '', status: '', store: '', failure_code: '', held: '', triage: '', from: '', to: '' };

const DEFAULT_RANGE = '24h';
const TRIAGE = ['open', 'mine', 'acknowledged'];
const NAMES = /** @type {const} */ ([
  'view',
  ...['q', 'status', 'store', 'failure_code', 'held', 'triage', 'range', 'from', 'to', 'zone', 'alert'],
  ...['destination', 'delivery_status', 'action', 'target', 'period', 'sort', 'order'],
]);

/** @param {string} search @returns {View} */
export function readView(search) {
  const query = new URLSearchParams(search);
  /** @param {string} name */
  const get = (name) => query.get(name) ?? '';
  const zone = get('zone') === 'utc' ? 'utc' : '';
  if (get('view') === 'retention') return viewOfRetention({ zone });
  if (get('view') === 'settings') return { ...viewOfSettings({ zone }), q: get('q') };
  if (get('view') === 'destinations') {
    return { ...viewOfDestinations({ zone }, get('destination')), delivery_status: get('delivery_status') };
  }
  if (get('view') === 'audit') return { ...viewOfAudit({ zone }), action: get('action'), target: get('target') };
  if (get('view') === 'stores') {
    return { ...viewOfStores({ zone }), q: get('q'), period: get('period'), sort: get('sort'), order: get('order') };
  }
  const [status, store, failure_code, alert] = [get('status'), get('store'), get('failure_code'), get('alert')];
  const held = get('held') === 'true' ? 'true' : '';
  const triage = TRIAGE.includes(get('triage')) ? get('triage') : '';
  const sort = isSort(get('sort')) ? get('sort') : '';
  const view = { ...NO_VIEW, q: get('q'), status, store, failure_code, held, triage, sort, alert, zone };
  const [from, to] = [toIsoTime(get('from')), toIsoTime(get('to'))];
  if (from !== '' || to !== '') return { ...view, range: 'custom', from, to };
  return { ...view, range: Object.hasOwn(RANGES, get('range')) ? get('range') : DEFAULT_RANGE, from, to };
}

/** @type {View} */
const NO_VIEW = {
  ...NO_FILTER,
  view: '',
  range: DEFAULT_RANGE,
  zone: '',
  alert: '',
  destination: '',
  delivery_status: '',
  action: '',
  target: '',
  period: '',
  sort: '',
  order: '',
};

/** Returns the view of all alerts, or of one. @param {Pick<View, 'zone'>} current @returns {View} */
export function viewOfAlerts({ zone }, alert = '') {
  return { ...NO_VIEW, zone, alert };
}

/** Returns the view of all destinations, or of one. @param {Pick<View, 'zone'>} current @returns {View} */
export function viewOfDestinations({ zone }, destination = '') {
  return { ...NO_VIEW, view: 'destinations', zone, destination };
}

/** Returns the view of the retention rules. @param {Pick<View, 'zone'>} current @returns {View} */
export function viewOfRetention({ zone }) {
  return { ...NO_VIEW, view: 'retention', zone };
}

/** Returns the view of keys and configuration. @param {Pick<View, 'zone'>} current @returns {View} */
export function viewOfSettings({ zone }) {
  return { ...NO_VIEW, view: 'settings', zone };
}

/** Returns the overview of the stores. @param {Pick<View, 'zone'>} current @returns {View} */
export function viewOfStores({ zone }) {
  return { ...NO_VIEW, view: 'stores', zone };
}

/** Returns the view of the audit log. @param {Pick<View, 'zone'>} current @returns {View} */
export function viewOfAudit({ zone }, target = '') {
  return { ...NO_VIEW, view: 'audit', zone, target };
}

/** @param {string} text */
function toIsoTime(text) {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? '' : date.toISOString();
}

/** @param {View} view @returns {string} */
export function urlOf(view) {
  const query = new URLSearchParams();
  for (const name of NAMES) {
    const present = name === 'range' ? view.range !== DEFAULT_RANGE && view.range !== 'custom' : view[name] !== '';
    if (present) query.set(name, view[name]);
  }
  return query.size === 0 ? '/' : `/?${query}`;
}

/**
 * Returns the bounds of the time of receipt, in whole minutes: pages that are open at the same time then send the same
 * request, and the API answers them from one cached response.
 * @param {View} view
 */
export function boundsOf({ range, from, to }) {
  const ms = RANGES[range]?.ms;
  if (ms === undefined) return { from, to };
  if (ms === Number.POSITIVE_INFINITY) return { from: '', to: '' };
  return { from: new Date(Math.floor((Date.now() - ms) / MINUTE_MS) * MINUTE_MS).toISOString(), to: '' };
}

/** @typedef {(changes: Partial<View>, options?: { replace: boolean }) => void} Navigate `replace`: without a step in the history. */

/** Returns the view and a function that changes it. @returns {[View, Navigate]} */
export function useView() {
  const [view, setView] = useState(() => readView(location.search));
  useEffect(() => {
    const onPopState = () => setView(readView(location.search));
    addEventListener('popstate', onPopState);
    return () => removeEventListener('popstate', onPopState);
  }, []);
  const navigate = useCallback((/** @type {Partial<View>} */ changes, { replace } = { replace: false }) => {
    setView((current) => {
      const next = { ...current, ...changes };
      if (urlOf(next) === urlOf(current)) return next;
      if (replace) history.replaceState(null, '', urlOf(next));
      else history.pushState(null, '', urlOf(next));
      return next;
    });
  }, []);
  return [view, navigate];
}
