// No event reports that a picture is ready: the page requests those that it shows.
import { useEffect, useRef } from 'preact/hooks';
import { getAlert } from './requests.js';

/** @typedef {import('./requests.js').Alert} Alert */
/** @typedef {import('./requests.js').Picture} Picture */

const FIRST_MS = 1_000;
const MAX_MS = 30_000;
/** Requests at the same time: a browser has six connections to a server. */
const MAX_REQUESTS = 4;

/** Returns the delay before request number `n`, from 0: 1 s, 2 s, 4 s … 30 s. @param {number} n */
export function pollDelay(n) {
  return Math.min(FIRST_MS * 2 ** n, MAX_MS);
}

/**
 * Requests the pictures that are being made, each less and less often, while the page is visible.
 * @param {Alert[]} rows the rows that are rendered
 * @param {boolean} enabled
 * @param {(pictures: ReadonlyMap<string, Picture>) => void} onReady
 */
export function usePendingPictures(rows, enabled, onReady) {
  /** The number of requests so far, and when the next one is due. */
  const polls = useRef(/** @type {Map<string, { count: number, at: number }>} */ (new Map()));
  const pending = enabled ? rows.filter(({ picture }) => picture?.status === 'pending').map(({ uuid }) => uuid) : [];
  const key = pending.join(' ');
  useEffect(() => {
    const kept = pending.map((uuid) => {
      const poll = polls.current.get(uuid) ?? { count: 0, at: Date.now() + pollDelay(0) };
      return /** @type {const} */ ([uuid, poll]);
    });
    polls.current = new Map(kept);
    if (pending.length === 0) return;
    const closed = new AbortController();
    let busy = false;
    const timer = setInterval(async () => {
      if (busy || document.hidden) return;
      busy = true;
      await requestDue(polls.current, closed.signal, onReady);
      busy = false;
    }, FIRST_MS / 2);
    return () => {
      clearInterval(timer);
      closed.abort();
    };
  }, [key]);
}

/**
 * @param {Map<string, { count: number, at: number }>} polls
 * @param {AbortSignal} signal
 * @param {(pictures: ReadonlyMap<string, Picture>) => void} onReady
 */
async function requestDue(polls, signal, onReady) {
  const due = [...polls].filter(([, { at }]) => at <= Date.now()).slice(0, MAX_REQUESTS);
  /** @type {Map<string, Picture>} */
  const finished = new Map();
  const request = async (/** @type {string} */ uuid, /** @type {{ count: number, at: number }} */ poll) => {
    poll.count += 1;
    poll.at = Date.now() + pollDelay(poll.count);
    const { picture } = await getAlert(uuid, signal);
    if (picture !== null && picture.status !== 'pending') finished.set(uuid, picture);
  };
  // A failed request is repeated when the next one is due; the page shows elsewhere that the server cannot be reached.
  await Promise.all(due.map(([uuid, poll]) => request(uuid, poll).catch(() => {})));
  if (finished.size > 0 && !signal.aborted) onReady(finished);
}
