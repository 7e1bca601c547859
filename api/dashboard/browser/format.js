// How the page puts times, spans, sizes and other people's text into words.
import { html } from './html.js';

/** Characters that draw nothing, or turn what follows around: shown by their number, never acted on. */
const UNSEEN = /([\p{Cc}\p{Cs}\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff])/u;

const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium', hourCycle: 'h23' });
const DAY = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long', hourCycle: 'h23' });
const NUMBER = new Intl.NumberFormat();
const COMPACT = new Intl.NumberFormat(undefined, { notation: 'compact' });

/** Text of a stranger: its direction stays its own, its unseen characters are seen. @param {{ children: string }} props */
export function Foreign({ children }) {
  const parts = children.split(UNSEEN);
  if (parts.length === 1) return html`<bdi>${children}</bdi>`;
  return html`<bdi>${parts.map((part, n) => (n % 2 === 0 ? part : html`<span class="unseen">${escaped(part)}</span>`))}</bdi>`;
}

/** As `Foreign`, where only plain text can stand. @param {string} text */
export function plain(text) {
  return text.split(UNSEEN).reduce((all, part, n) => all + (n % 2 === 0 ? part : escaped(part)), '');
}

/** @param {string} character */
function escaped(character) {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/** A moment in the reader's zone; pointing at it tells it exactly. @param {{ at: string, day?: boolean }} props */
export function Moment({ at, day = true }) {
  const date = new Date(at);
  const today = date.toDateString() === new Date().toDateString();
  const text = today || !day ? CLOCK.format(date) : `${DAY.format(date)} ${CLOCK.format(date)}`;
  return html`<time datetime=${at} title=${`${at}\n${FULL.format(date)}`}>${text}</time>`;
}

/** 240 ms, 4.2 s, 3 min 20 s, 5 h 10 min, 2 d 3 h. @param {number} ms */
export function span(ms) {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  const s = Math.round(ms / 1_000);
  if (s < 3_600) return two(Math.floor(s / 60), 'min', s % 60, 's');
  if (s < 86_400) return two(Math.floor(s / 3_600), 'h', Math.floor((s % 3_600) / 60), 'min');
  return two(Math.floor(s / 86_400), 'd', Math.floor((s % 86_400) / 3_600), 'h');
}

/** @param {number} big @param {string} unit @param {number} small @param {string} rest */
function two(big, unit, small, rest) {
  return small === 0 ? `${big} ${unit}` : `${big} ${unit} ${small} ${rest}`;
}

/** As coarse as a glance wants it: now, 12 s, 4 min, 3 h, 2 d. @param {number} ms */
export function age(ms) {
  const s = Math.floor(ms / 1_000);
  if (s < 1) return 'now';
  if (s < 60) return `${s} s`;
  if (s < 3_600) return `${Math.floor(s / 60)} min`;
  if (s < 86_400) return `${Math.floor(s / 3_600)} h`;
  return `${Math.floor(s / 86_400)} d`;
}

/** @param {number} n */
export function number(n) {
  return NUMBER.format(n);
}

/** Where there is little room: 9,999 and 12K. @param {number} n */
export function short(n) {
  return n < 10_000 ? NUMBER.format(n) : COMPACT.format(n);
}

/** @param {number} n @param {string} one @param {string} [many] */
export function count(n, one, many = `${one}s`) {
  return `${number(n)} ${n === 1 ? one : many}`;
}

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1_024) return `${bytes} B`;
  if (bytes < 1_048_576) return `${Math.round(bytes / 1_024)} KiB`;
  return `${(bytes / 1_048_576).toFixed(1)} MiB`;
}
