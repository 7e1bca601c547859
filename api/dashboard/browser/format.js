// Formats durations, sizes and text from outside.
import { html } from './html.js';

/** Invisible characters and those that change the text direction: the page shows their code points. */
const INVISIBLE = /([\p{Cc}\p{Cs}\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff])/u;

const NUMBER = new Intl.NumberFormat();
const COMPACT = new Intl.NumberFormat(undefined, { notation: 'compact' });

/** Shows text from outside with its own direction and with its invisible characters as code points. @param {{ children: string }} props */
export function UntrustedText({ children }) {
  const parts = children.split(INVISIBLE);
  if (parts.length === 1) return html`<bdi>${children}</bdi>`;
  return html`<bdi>${parts.map((part, n) => (n % 2 === 0 ? part : html`<span class="invisible-character">${codePoint(part)}</span>`))}</bdi>`;
}

/** Does what `UntrustedText` does, for attributes. @param {string} text */
export function withVisibleCharacters(text) {
  return text.split(INVISIBLE).reduce((all, part, n) => all + (n % 2 === 0 ? part : codePoint(part)), '');
}

/** @param {string} character */
function codePoint(character) {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/** Returns 240 ms, 4.2 s, 3 min 20 s, 5 h 10 min, 2 d 3 h. @param {number} ms */
export function formatDuration(ms) {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  const s = Math.round(ms / 1_000);
  if (s < 3_600) return twoUnits(Math.floor(s / 60), 'min', s % 60, 's');
  if (s < 86_400) return twoUnits(Math.floor(s / 3_600), 'h', Math.floor((s % 3_600) / 60), 'min');
  return twoUnits(Math.floor(s / 86_400), 'd', Math.floor((s % 86_400) / 3_600), 'h');
}

/** @param {number} big @param {string} bigUnit @param {number} small @param {string} smallUnit */
function twoUnits(big, bigUnit, small, smallUnit) {
  return small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`;
}

/** Returns a duration in one unit: now, 12 s, 4 min, 3 h, 2 d. @param {number} ms */
export function formatAge(ms) {
  const s = Math.floor(ms / 1_000);
  if (s < 1) return 'now';
  if (s < 60) return `${s} s`;
  if (s < 3_600) return `${Math.floor(s / 60)} min`;
  if (s < 86_400) return `${Math.floor(s / 3_600)} h`;
  return `${Math.floor(s / 86_400)} d`;
}

/** @param {number} n */
export function formatNumber(n) {
  return NUMBER.format(n);
}

/** Returns at most five characters: 9,999 and 12K. @param {number} n */
export function formatShortNumber(n) {
  return n < 10_000 ? NUMBER.format(n) : COMPACT.format(n);
}

/** Returns `1 alert` or `2 alerts`. @param {number} n @param {string} noun */
export function formatCount(n, noun) {
  return `${formatNumber(n)} ${n === 1 ? noun : `${noun}s`}`;
}

/** @param {number} bytes */
export function formatBytes(bytes) {
  if (bytes < 1_024) return `${bytes} B`;
  if (bytes < 1_048_576) return `${Math.round(bytes / 1_024)} KiB`;
  return `${(bytes / 1_048_576).toFixed(1)} MiB`;
}
