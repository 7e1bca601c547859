// The alerts that the list has loaded: pages are added while the user scrolls, changes arrive from the event stream.
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { sortLoaded, splitSort } from './list-order.js';
import { asRequestError, listAlerts } from './requests.js';
import { matchesTriage } from './triage-filter.js';

/** @typedef {import('./requests.js').Alert} Alert */
/** @typedef {import('./requests.js').Filter} Filter */
/** @typedef {import('./requests.js').RequestError} RequestError */

/** @param {Alert} alert @param {Filter} filter */
export function matches(alert, filter) {
  return (
    matchesText(alert, filter.q) &&
    (filter.status === '' || alert.status === filter.status) &&
    (filter.store === '' || alert.store === filter.store) &&
    (filter.failure_code === '' || alert.failure?.code === filter.failure_code) &&
    (filter.held === '' || alert.hold !== null) &&
    matchesTriage(alert, filter.triage) &&
    (filter.from === '' || alert.received_at >= filter.from) &&
    (filter.to === '' || alert.received_at < filter.to)
  );
}

/** Compares as the API does. @param {Alert} alert @param {string} q */
function matchesText({ store, uuid, video }, q) {
  const text = q.trim().toLowerCase();
  const file = text.includes('/') ? video : video.slice(video.lastIndexOf('/') + 1);
  return [store, uuid, file].some((value) => value.toLowerCase().includes(text));
}

/** @param {Alert} a @param {Alert} b */
const newestFirst = (a, b) =>
  a.received_at === b.received_at ? (a.uuid < b.uuid ? 1 : -1) : a.received_at < b.received_at ? 1 : -1;

/**
 * Returns the list for one filter and order of the API.
 * @param {Filter & { oldestFirst: boolean }} filter
 * @param {() => void} onChange called after each change of the visible list
 */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: its functions share one state.
export function createAlertList(filter, onChange) {
  /** @type {Map<string, Alert>} */
  const loaded = new Map();
  /** New alerts that are not shown yet because the list is paused. @type {Map<string, Alert>} */
  const hidden = new Map();
  /** @type {string | null} */
  let cursor = null;
  let paused = false;
  /** While paused, only the first page was loaded again: rows further down may have changed. */
  let stale = false;
  /** Changes that arrive while a page loads: they are newer than the page. @type {Alert[]} */
  let newerThanPage = [];
  let loading = new AbortController();
  const compare = filter.oldestFirst
    ? (/** @type {Alert} */ a, /** @type {Alert} */ b) => newestFirst(b, a)
    : newestFirst;
  /** The last one in the order of the API: the next page follows it. @type {Alert | undefined} */
  let lastLoaded;
  const list = {
    /** @type {Alert[]} */ rows: [],
    hiddenCount: 0,
    hasMore: false,
    loading: true,
    /** The time since which a search compared file names; null: all. */
    searchedFrom: /** @type {string | null} */ (null),
    /** @type {RequestError | null} */ error: null,
    /** What the rows are sorted by, if not as the API does: an older page then changes rows above its end. */
    sortedBy: '',

    /** Loads the first page and drops everything else. While paused, it changes rows and counts new alerts only. */
    reload: () => load(true),
    /** Loads the page after the last row. */
    loadMore: async () => {
      if (list.hasMore && !list.loading) await load(false);
    },
    /** Applies changes in the order in which they happened. @param {Alert[]} alerts */
    apply(alerts) {
      for (const alert of alerts) update(alert);
      if (list.loading) newerThanPage.push(...alerts);
      publish();
    },
    /** Replaces the pictures of alerts that are loaded. @param {ReadonlyMap<string, import('./requests.js').Picture>} pictures */
    setPictures(pictures) {
      for (const [uuid, picture] of pictures) {
        const alert = loaded.get(uuid);
        if (alert) loaded.set(uuid, { ...alert, picture });
      }
      publish();
    },
    /** Sorts the alerts that are loaded, now and after each change. @param {string} sort '': as the API does */
    sortBy(sort) {
      if (list.sortedBy === sort) return;
      list.sortedBy = sort;
      publish();
    },
    /** While paused, new alerts are only counted. @param {boolean} pause */
    setPaused(pause) {
      if (paused === pause) return;
      paused = pause;
      if (pause) return;
      if (stale) {
        list.reload();
        return;
      }
      for (const [uuid, alert] of hidden) loaded.set(uuid, alert);
      hidden.clear();
      publish();
    },
    close: () => loading.abort(),
  };

  /** @param {Alert} alert */
  function update(alert) {
    if (!matches(alert, filter)) {
      loaded.delete(alert.uuid);
      hidden.delete(alert.uuid);
      return;
    }
    const isLast = lastLoaded !== undefined && compare(alert, lastLoaded) > 0;
    if (loaded.has(alert.uuid)) loaded.set(alert.uuid, alert);
    // With the oldest first, new alerts are below what the user reads.
    else if (isLast && (list.hasMore || filter.oldestFirst)) {
      if (!list.hasMore) add(alert);
    } else if (paused) hidden.set(alert.uuid, alert);
    else loaded.set(alert.uuid, alert);
  }

  /** @param {Alert} alert */
  function add(alert) {
    loaded.set(alert.uuid, alert);
    lastLoaded = alert;
  }

  function arrange() {
    const rows = [...loaded.values()].sort(compare);
    lastLoaded = rows.at(-1);
    list.rows = sortLoaded(rows, list.sortedBy);
  }

  function publish() {
    arrange();
    list.hiddenCount = hidden.size;
    onChange();
  }

  /** @param {boolean} fromStart */
  async function load(fromStart) {
    if (fromStart) {
      loading.abort();
      loading = new AbortController();
    }
    const { signal } = loading;
    list.loading = true;
    list.error = null;
    newerThanPage = [];
    onChange();
    try {
      const page = await listAlerts(filter, fromStart ? null : cursor, signal);
      // With the oldest first, what is missing is after the last page.
      stale = fromStart && paused && loaded.size > 0 && !filter.oldestFirst;
      if (stale) for (const alert of page.data) update(alert);
      else {
        if (fromStart) {
          loaded.clear();
          hidden.clear();
        }
        for (const alert of page.data) loaded.set(alert.uuid, alert);
        cursor = page.next_cursor;
        list.searchedFrom = page.searched_from ?? null;
        list.hasMore = cursor !== null;
      }
      list.loading = false;
      arrange();
      for (const alert of newerThanPage) update(alert);
    } catch (error) {
      if (signal.aborted) return;
      list.loading = false;
      list.error = asRequestError(error);
    }
    publish();
  }

  return list;
}

/**
 * Returns the list for a filter and order; the component renders again after each change of it.
 * @param {Filter} filter
 * @param {string} sort see list-order.js
 */
export function useAlertList(filter, sort) {
  const [, render] = useState(0);
  const { oldestFirst, loaded } = splitSort(sort, filter);
  const key = JSON.stringify([filter, oldestFirst]);
  const renders = useRef(0);
  // The key stands for the filter's values
  const list = useMemo(
    () =>
      createAlertList({ ...filter, oldestFirst }, () => {
        renders.current += 1;
        render(renders.current);
      }),
    [key],
  );
  useLayoutEffect(() => list.sortBy(loaded), [list, loaded]);
  useEffect(() => {
    list.reload();
    return list.close;
  }, [list]);
  return list;
}
