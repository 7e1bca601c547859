// Formats times in the zone that the user has selected: the browser's, or UTC.
import { html } from './html.js';

/** @param {string | undefined} timeZone */
function formatsOf(timeZone) {
  /** @param {Intl.DateTimeFormatOptions} options */
  const format = (options) => new Intl.DateTimeFormat(undefined, { timeZone, ...options });
  return {
    clock: format({ timeStyle: 'medium', hourCycle: 'h23' }),
    minute: format({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }),
    day: format({ day: 'numeric', month: 'short' }),
    dayOfYear: format({ day: 'numeric', month: 'short', year: 'numeric' }),
    year: format({ year: 'numeric' }),
    zone: format({ timeZoneName: 'short' }),
    full: format({ dateStyle: 'full', timeStyle: 'long', hourCycle: 'h23' }),
  };
}

const FORMATS = { '': formatsOf(undefined), utc: formatsOf('UTC') };
/** One zone for the whole page: its root sets it before it renders. */
let zone = /** @type {keyof typeof FORMATS} */ ('');

/** @param {string} name of a zone: `utc` or '' */
export function showTimesIn(name) {
  zone = name === 'utc' ? 'utc' : '';
}

/** Returns the name of the zone at a time: UTC, GMT+2. */
export function zoneName(date = new Date(), name = zone) {
  return FORMATS[name].zone.formatToParts(date).find(({ type }) => type === 'timeZoneName')?.value ?? 'UTC';
}

/**
 * Shows a time; its tooltip has the exact time. A time of today has no date, and one of this year has no year, unless
 * `withZone`.
 * @param {{ at: string, withZone?: boolean }} props withZone: date with year, time and zone
 */
export function Time({ at, withZone = false }) {
  const { clock, day, dayOfYear, full, year } = FORMATS[zone];
  const [date, now] = [new Date(at), new Date()];
  const isToday = dayOfYear.format(date) === dayOfYear.format(now);
  const isThisYear = year.format(date) === year.format(now);
  const short = isToday ? '' : `${(isThisYear ? day : dayOfYear).format(date)} `;
  const text = withZone ? formatTime(at) : short + clock.format(date);
  return html`<time datetime=${at} title=${`${at}\n${full.format(date)}`}>${text}</time>`;
}

/** Returns date with year, time and zone. @param {string} at */
export function formatTime(at) {
  const { clock, dayOfYear } = FORMATS[zone];
  const date = new Date(at);
  return `${dayOfYear.format(date)}, ${clock.format(date)} ${zoneName(date)}`;
}

/** Returns hours and minutes. @param {number} ms */
export function formatMinute(ms) {
  return FORMATS[zone].minute.format(ms);
}

/** Returns the value of a datetime-local input. @param {string} at */
export function toTimeInput(at) {
  if (at === '') return '';
  const date = new Date(at);
  const offset = zone === 'utc' ? 0 : date.getTimezoneOffset();
  return new Date(date.getTime() - offset * 60_000).toISOString().slice(0, 16);
}

/** Returns the time of a datetime-local input, or '' if it is incomplete. @param {string} value */
export function fromTimeInput(value) {
  const date = new Date(zone === 'utc' ? `${value}Z` : value);
  return Number.isNaN(date.getTime()) ? '' : date.toISOString();
}
