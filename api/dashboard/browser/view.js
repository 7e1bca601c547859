// What the page shows, all of it in the address: a reload, a link and the back button tell the same.
import { useCallback, useEffect, useState } from 'preact/hooks';

/**
 * @typedef {object} View '' where nothing is chosen.
 * @property {string} status
 * @property {string} store
 * @property {string} failure_code
 * @property {string} range A key of RANGES, or `custom`: then `from` and `to` bound it.
 * @property {string} from
 * @property {string} to
 * @property {string} alert The uuid whose detail is open.
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
const DEFAULT_RANGE = '24h';
const NAMES = /** @type {const} */ (['status', 'store', 'failure_code', 'range', 'from', 'to', 'alert']);

/** @param {string} search @returns {View} */
export function readView(search) {
  const given = new URLSearchParams(search);
  /** @param {string} name */
  const of = (name) => given.get(name) ?? '';
  const view = { status: of('status'), store: of('store'), failure_code: of('failure_code'), alert: of('alert') };
  const [from, to] = [instant(of('from')), instant(of('to'))];
  if (from !== '' || to !== '') return { ...view, range: 'custom', from, to };
  return { ...view, range: Object.hasOwn(RANGES, of('range')) ? of('range') : DEFAULT_RANGE, from, to };
}

/** @param {string} text */
function instant(text) {
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? '' : at.toISOString();
}

/** @param {View} view @returns {string} the page's address */
export function addressOf(view) {
  const given = new URLSearchParams();
  for (const name of NAMES) {
    const said = name === 'range' ? view.range !== DEFAULT_RANGE && view.range !== 'custom' : view[name] !== '';
    if (said) given.set(name, view[name]);
  }
  return given.size === 0 ? '/' : `/?${given}`;
}

/** The time of receipt that a view asks for; whole minutes, so that pages that look at once ask the same. @param {View} view */
export function boundsOf({ range, from, to }) {
  const ms = RANGES[range]?.ms;
  if (ms === undefined) return { from, to };
  if (ms === Number.POSITIVE_INFINITY) return { from: '', to: '' };
  return { from: new Date(Math.floor((Date.now() - ms) / MINUTE_MS) * MINUTE_MS).toISOString(), to: '' };
}

/** @returns {[View, (changes: Partial<View>) => void]} the view, and how to go on to another one */
export function useView() {
  const [view, setView] = useState(() => readView(location.search));
  useEffect(() => {
    const back = () => setView(readView(location.search));
    addEventListener('popstate', back);
    return () => removeEventListener('popstate', back);
  }, []);
  const go = useCallback((/** @type {Partial<View>} */ changes) => {
    setView((current) => {
      const next = { ...current, ...changes };
      if (addressOf(next) !== addressOf(current)) history.pushState(null, '', addressOf(next));
      return next;
    });
  }, []);
  return [view, go];
}
