// The alerts that the list has loaded: pages are added while the user scrolls, changes arrive from the event stream.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
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
 * Returns the list for one filter.
 * @param {Filter} filter
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
  const list = {
    /** @type {Alert[]} */ rows: [],
    hiddenCount: 0,
    hasMore: false,
    loading: true,
    /** The time since which a search compared file names; null: all. */
    searchedFrom: /** @type {string | null} */ (null),
    /** @type {RequestError | null} */ error: null,

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
    const last = list.rows.at(-1);
    const afterLastPage = list.hasMore && last !== undefined && newestFirst(alert, last) > 0;
    if (loaded.has(alert.uuid)) loaded.set(alert.uuid, alert);
    else if (paused) hidden.set(alert.uuid, alert);
    else if (!afterLastPage) loaded.set(alert.uuid, alert);
  }

  function publish() {
    list.rows = [...loaded.values()].sort(newestFirst);
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
      stale = fromStart && paused && loaded.size > 0;
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
      list.rows = [...loaded.values()].sort(newestFirst);
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

/** Returns the list for a filter; the component renders again after each change of it. @param {Filter} filter */
export function useAlertList(filter) {
  const [, render] = useState(0);
  const key = JSON.stringify(filter);
  const renders = useRef(0);
  // The key stands for the filter's values
  const list = useMemo(
    () =>
      createAlertList(filter, () => {
        renders.current += 1;
        render(renders.current);
      }),
    [key],
  );
  useEffect(() => {
    list.reload();
    return list.close;
  }, [list]);
  return list;
}
