import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { asRequestError, getStatistics } from './requests.js';
import { boundsOf } from './view.js';

/** @typedef {import('./requests.js').Statistics} Statistics */
/** @typedef {import('./requests.js').RequestError} RequestError */

/** The interval while nothing changes, and the shortest one while alerts change: the API caches a response for 2 s. */
const IDLE_MS = 10_000;
const BUSY_MS = 2_500;

/**
 * Returns the statistics of the view and refreshes them.
 * @param {import('./view.js').View} view
 * @returns {{ statistics: Statistics | null, error: RequestError | null, refreshSoon: () => void }} refreshSoon: to be
 *   called after each change of an alert
 */
export function useStatistics(view) {
  const [statistics, setStatistics] = useState(/** @type {Statistics | null} */ (null));
  const [error, setError] = useState(/** @type {RequestError | null} */ (null));
  const { store, range, from, to } = view;
  const refreshSoon = useRef(() => {});
  // Only the fields that the request contains
  useEffect(() => {
    const closed = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    let requestedAt = 0;
    let requesting = false;
    // Two requests follow a change: the API may answer the first one from its cache.
    let urgentRequests = 0;
    async function refresh() {
      clearTimeout(timer);
      requesting = true;
      urgentRequests = Math.max(0, urgentRequests - 1);
      requestedAt = Date.now();
      try {
        if (!document.hidden) setStatistics(await getStatistics({ store, ...boundsOf(view) }, closed.signal));
        setError(null);
      } catch (error) {
        if (closed.signal.aborted) return;
        setError(asRequestError(error));
      }
      requesting = false;
      if (!closed.signal.aborted) timer = setTimeout(refresh, urgentRequests > 0 ? BUSY_MS : IDLE_MS);
    }
    refreshSoon.current = () => {
      urgentRequests = 2;
      if (requesting) return;
      clearTimeout(timer);
      timer = setTimeout(refresh, Math.max(0, requestedAt + BUSY_MS - Date.now()));
    };
    refresh();
    return () => {
      closed.abort();
      clearTimeout(timer);
    };
  }, [store, range, from, to]);
  return { statistics, error, refreshSoon: useCallback(() => refreshSoon.current(), []) };
}
