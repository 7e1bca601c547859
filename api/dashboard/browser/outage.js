// Alerts that wait because attempts fail: a banner, and what their rows and details show.
import { useEffect, useState } from 'preact/hooks';
import { FAILURE_CODES } from './failure-codes.js';
import { formatAge, formatCount, UntrustedText } from './format.js';
import { html } from './html.js';
import { listAlerts } from './requests.js';
import { Time } from './time.js';
import { NO_FILTER } from './view.js';

/** @typedef {import('./requests.js').Alert} Alert */
/** @typedef {import('./requests.js').FailureCode} FailureCode */
/** @typedef {{ code: FailureCode, count: number, more: boolean, next: string | null }} Cause */

/**
 * Returns why alerts wait for another attempt, the most frequent cause first.
 * @param {unknown} statistics read again with each refresh of them
 * @returns {Cause[]}
 */
export function useWaitingCauses(statistics) {
  const [causes, setCauses] = useState(/** @type {Cause[]} */ ([]));
  useEffect(() => {
    if (!statistics) return;
    const closed = new AbortController();
    listAlerts({ ...NO_FILTER, status: 'pending' }, null, closed.signal).then(
      ({ data, next_cursor }) => setCauses(causesOf(data, next_cursor !== null)),
      () => {}, // the list and the overview show that the API does not answer
    );
    return () => closed.abort();
  }, [statistics]);
  return causes;
}

/** @param {Alert[]} alerts @param {boolean} more @returns {Cause[]} */
function causesOf(alerts, more) {
  /** @type {Map<FailureCode, Cause>} */
  const causes = new Map();
  for (const { last_error, next_attempt_at } of alerts) {
    if (last_error === null) continue;
    const { code } = last_error;
    const cause = causes.get(code) ?? { code, count: 0, more, next: null };
    cause.count += 1;
    if (next_attempt_at !== null && (cause.next === null || next_attempt_at < cause.next)) cause.next = next_attempt_at;
    causes.set(code, cause);
  }
  return [...causes.values()].sort((a, b) => b.count - a.count);
}

/** @param {{ cause: Cause }} props */
export function WaitingBanner({ cause: { code, count, more, next } }) {
  return html`
    <p class="banner">
      ${more && 'At least '}<b>${formatCount(count, 'alert')}</b> ${count === 1 ? 'waits' : 'wait'} for another attempt: <code>${code}</code>. ${FAILURE_CODES[code].meaning}
      ${next && html` Next attempt at <${Time} at=${next} />.`}
    </p>
  `;
}

/** Shows in a row why its alert waits and when the next attempt starts. @param {{ alert: Alert, now: number }} props */
export function WaitingCell({ alert: { last_error, next_attempt_at }, now }) {
  if (last_error === null) return null;
  const next = next_attempt_at === null ? '' : timeUntil(next_attempt_at, now);
  // The time first: the code is what a narrow column may cut off.
  return html`<span title=${`${last_error.code}: ${last_error.detail}`}>${next && html`<span class="note"><span class="visually-hidden">next attempt </span>${next} · </span>`}${last_error.code}</span>`;
}

/** Shows in the details why an alert waits and when the next attempt starts. @param {{ alert: Alert }} props */
export function WaitingBox({ alert: { last_error, next_attempt_at } }) {
  if (last_error === null) return null;
  const { meaning, action } = FAILURE_CODES[last_error.code];
  return html`
    <div class="failure-box waiting">
      <p>Waits for another attempt: <code>${last_error.code}</code></p>
      <p class="failure-detail"><${UntrustedText}>${last_error.detail}<//></p>
      <p>${meaning} ${action.replace(/, then retry\.$/, '.')} The alert is retried automatically.</p>
      ${next_attempt_at && html`<p>Late, next attempt at <${Time} at=${next_attempt_at} />, ${timeUntil(next_attempt_at, Date.now())}.</p>`}
    </div>
  `;
}

/** Returns `in 12 s`, or `now`: it starts as soon as a worker is free. @param {string} at @param {number} now */
function timeUntil(at, now) {
  const ms = Date.parse(at) - now;
  return ms < 1_000 ? 'now' : `in ${formatAge(ms)}`;
}
