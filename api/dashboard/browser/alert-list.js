// The alerts that the list knows: pages asked for as the reader goes down, and changes as they come in.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { listAlerts, Refused } from './requests.js';

/** @typedef {import('./requests.js').Alert} Alert */
/** @typedef {import('./requests.js').Filter} Filter */

/** @param {Alert} alert @param {Filter} filter */
export function matches(alert, filter) {
  return (
    (filter.status === '' || alert.status === filter.status) &&
    (filter.store === '' || alert.store === filter.store) &&
    (filter.failure_code === '' || alert.failure?.code === filter.failure_code) &&
    (filter.from === '' || alert.received_at >= filter.from) &&
    (filter.to === '' || alert.received_at < filter.to)
  );
}

/** @param {Alert} a @param {Alert} b */
const newestFirst = (a, b) =>
  a.received_at === b.received_at ? (a.uuid < b.uuid ? 1 : -1) : a.received_at < b.received_at ? 1 : -1;

/**
 * Over 40 lines: one thing with one state, all of which each of its parts needs.
 * @param {Filter} filter
 * @param {() => void} changed called after each change of what the list shows
 */
export function createAlertList(filter, changed) {
  /** @type {Map<string, Alert>} */
  const known = new Map();
  /** New ones that wait to be shown, while the reader reads further down. @type {Map<string, Alert>} */
  const held = new Map();
  /** @type {string | null} */
  let cursor = null;
  let holding = false;
  /** What came in while a page was asked for: newer than the page. @type {Alert[]} */
  let meanwhile = [];
  let stop = new AbortController();
  const list = {
    /** @type {Alert[]} */ rows: [],
    held: 0,
    more: false,
    loading: true,
    /** @type {Refused | null} */ fault: null,

    /** Asks for the newest anew and forgets the rest. */
    reload: () => load(true),
    /** Asks for those behind the last one. */
    loadMore: async () => {
      if (list.more && !list.loading) await load(false);
    },
    /** Changes as they came in, the newest last. @param {Alert[]} alerts */
    apply(alerts) {
      for (const alert of alerts) place(alert);
      if (list.loading) meanwhile.push(...alerts);
      show();
    },
    /** While on, new alerts are counted and wait. @param {boolean} on */
    hold(on) {
      if (holding === on) return;
      holding = on;
      if (on) return;
      for (const [uuid, alert] of held) known.set(uuid, alert);
      held.clear();
      show();
    },
    close: () => stop.abort(),
  };

  /** @param {Alert} alert */
  function place(alert) {
    if (!matches(alert, filter)) {
      known.delete(alert.uuid);
      held.delete(alert.uuid);
      return;
    }
    const last = list.rows.at(-1);
    const beyond = list.more && last !== undefined && newestFirst(alert, last) > 0;
    if (known.has(alert.uuid)) known.set(alert.uuid, alert);
    else if (holding) held.set(alert.uuid, alert);
    else if (!beyond) known.set(alert.uuid, alert);
  }

  function show() {
    list.rows = [...known.values()].sort(newestFirst);
    list.held = held.size;
    changed();
  }

  /** @param {boolean} anew */
  async function load(anew) {
    if (anew) {
      stop.abort();
      stop = new AbortController();
    }
    const { signal } = stop;
    list.loading = true;
    list.fault = null;
    meanwhile = [];
    changed();
    try {
      const page = await listAlerts(filter, anew ? null : cursor, signal);
      if (anew) {
        known.clear();
        held.clear();
      }
      for (const alert of page.data) known.set(alert.uuid, alert);
      cursor = page.next_cursor;
      list.more = cursor !== null;
      list.loading = false;
      list.rows = [...known.values()].sort(newestFirst);
      for (const alert of meanwhile) place(alert);
    } catch (error) {
      if (signal.aborted) return;
      list.loading = false;
      list.fault = error instanceof Refused ? error : new Refused(0, String(error));
    }
    show();
  }

  return list;
}

/** The list for a filter, and what makes the page draw it anew. @param {Filter} filter */
export function useAlertList(filter) {
  const [, draw] = useState(0);
  const key = JSON.stringify(filter);
  const drawn = useRef(0);
  // The key is the filter's content
  const list = useMemo(
    () =>
      createAlertList(filter, () => {
        drawn.current += 1;
        draw(drawn.current);
      }),
    [key],
  );
  useEffect(() => {
    list.reload();
    return list.close;
  }, [list]);
  return list;
}
