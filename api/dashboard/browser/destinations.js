// Destinations and mutes, for every view of the page: its banners need them, too.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { listDestinations, listMutes } from './destination-requests.js';
import { asRequestError } from './requests.js';

/** @typedef {import('./destination-requests.js').Destination} Destination */
/** @typedef {import('./destination-requests.js').Mute} Mute */
/**
 * @typedef {object} Overview
 * @property {Destination[]} destinations Without the built-in one.
 * @property {Mute[]} mutes The active ones.
 * @property {boolean} loaded
 * @property {import('./requests.js').RequestError | null} error
 * @property {() => void} refresh
 * @property {number} refreshes Counts the responses.
 */

/** While the destinations are shown, and while only their banners are. */
const SHOWN_MS = 3_000;
const OTHER_MS = 15_000;

/** Returns the destinations and mutes, and keeps them up to date. @param {boolean} shown @returns {Overview} */
export function useOverview(shown) {
  const [state, setState] = useState({
    destinations: /** @type {Destination[]} */ ([]),
    mutes: /** @type {Mute[]} */ ([]),
    loaded: false,
    error: /** @type {Overview['error']} */ (null),
    refreshes: 0,
  });
  const latest = useRef(() => {});
  useEffect(() => {
    const closed = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    async function refresh() {
      clearTimeout(timer);
      const number = ++requests;
      try {
        if (!document.hidden) {
          const [destinations, mutes] = await Promise.all([listDestinations(closed.signal), listMutes(closed.signal)]);
          // An older response than one that has arrived.
          if (number !== requests) return;
          setState((old) => ({ destinations, mutes, loaded: true, error: null, refreshes: old.refreshes + 1 }));
        }
      } catch (error) {
        if (closed.signal.aborted || number !== requests) return;
        setState((old) => ({ ...old, error: asRequestError(error) }));
      }
      timer = setTimeout(refresh, shown ? SHOWN_MS : OTHER_MS);
    }
    let requests = 0;
    latest.current = refresh;
    refresh();
    return () => {
      closed.abort();
      clearTimeout(timer);
    };
  }, [shown]);
  return { ...state, refresh: useCallback(() => latest.current(), []) };
}
