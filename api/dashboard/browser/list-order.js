// The orders of the list. The API sorts by the time of receipt; every other column sorts the alerts that are loaded.

/** @typedef {import('./requests.js').Alert} Alert */

/** Those that need attention first. @type {Record<Alert['status'], number>} */
const STATUS_ORDER = { failed: 0, pending: 1, processing: 2, processed: 3 };

/** Returns what an alert is sorted by, null if it has none. @type {Record<string, (alert: Alert) => string | number | null>} */
const VALUES = {
  status: ({ status }) => STATUS_ORDER[status],
  store: ({ store }) => store.toLowerCase(),
  camera: ({ camera }) => camera?.toLowerCase() ?? null,
  result: ({ failure, last_error, width, height }) =>
    failure?.code ?? last_error?.code ?? (width && height ? String(width * height).padStart(12, '0') : null),
  file: ({ video }) => fileName(video),
  codec: ({ codec }) => codec,
  attempts: ({ attempts }) => attempts,
  received_at: ({ received_at }) => received_at,
  duration: (alert) => durationOf(alert),
};

/** Returns the name of the video file. @param {string} video */
export function fileName(video) {
  return video.slice(video.lastIndexOf('/') + 1);
}

/** Returns the milliseconds from the start of the round of attempts to the result, null without one. @param {Alert} alert */
export function durationOf({ processed_at, round_started_at }) {
  return processed_at === null ? null : Math.max(0, Date.parse(processed_at) - Date.parse(round_started_at));
}

/** Returns whether there is this order: a column, descending after `-`. @param {string} sort */
export function isSort(sort) {
  return Object.hasOwn(VALUES, sort.replace(/^-/, ''));
}

/**
 * Returns what the API sorts by, and what remains for the page. The API sorts no search by another order than newest first.
 * @param {string} sort '': newest first
 * @param {{ q: string }} filter
 */
export function splitSort(sort, { q }) {
  if (sort === '' || sort === '-received_at') return { oldestFirst: false, loaded: '' };
  if (sort === 'received_at' && q === '') return { oldestFirst: true, loaded: '' };
  return { oldestFirst: false, loaded: sort };
}

/**
 * Returns the alerts sorted by a column; those with the same value keep their order, those without a value are last.
 * @param {Alert[]} alerts
 * @param {string} sort '': they stay as they are
 */
export function sortLoaded(alerts, sort) {
  const read = VALUES[sort.replace(/^-/, '')];
  if (!read) return alerts;
  const sign = sort.startsWith('-') ? -1 : 1;
  // Each value once, not once per comparison: there may be 10,000 alerts.
  const keyed = alerts.map((alert) => ({ alert, value: read(alert) }));
  keyed.sort((a, b) => compareValues(a.value, b.value, sign));
  return keyed.map(({ alert }) => alert);
}

/** @param {string | number | null} a @param {string | number | null} b @param {1 | -1} sign */
function compareValues(a, b, sign) {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return a < b ? -sign : sign;
}
