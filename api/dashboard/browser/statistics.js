import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { getStatistics, Refused } from './requests.js';
import { boundsOf } from './view.js';

/** @typedef {import('./requests.js').Statistics} Statistics */

/** Asked for so often while nothing happens; and, when alerts change, at most so often: the api keeps an answer for 2 s. */
const IDLE_MS = 10_000;
const BUSY_MS = 2_500;

/**
 * The overview's numbers for what the view shows. Over 40 lines: one clock with one state.
 * @param {import('./view.js').View} view
 * @returns {{ statistics: Statistics | null, fault: Refused | null, bump: () => void }} bump: something changed
 */
export function useStatistics(view) {
  const [statistics, setStatistics] = useState(/** @type {Statistics | null} */ (null));
  const [fault, setFault] = useState(/** @type {Refused | null} */ (null));
  const { store, range, from, to } = view;
  const bump = useRef(() => {});
  // Of the view only what the question depends on
  useEffect(() => {
    const stop = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    let asked = 0;
    let asking = false;
    // After a change twice: the first answer may be one that the api had kept from before.
    let soon = 0;
    async function ask() {
      clearTimeout(timer);
      asking = true;
      soon = Math.max(0, soon - 1);
      asked = Date.now();
      try {
        if (!document.hidden) setStatistics(await getStatistics({ store, ...boundsOf(view) }, stop.signal));
        setFault(null);
      } catch (error) {
        if (stop.signal.aborted) return;
        setFault(error instanceof Refused ? error : new Refused(0, String(error)));
      }
      asking = false;
      if (!stop.signal.aborted) timer = setTimeout(ask, soon > 0 ? BUSY_MS : IDLE_MS);
    }
    bump.current = () => {
      soon = 2;
      if (asking) return;
      clearTimeout(timer);
      timer = setTimeout(ask, Math.max(0, asked + BUSY_MS - Date.now()));
    };
    ask();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [store, range, from, to]);
  return { statistics, fault, bump: useCallback(() => bump.current(), []) };
}
