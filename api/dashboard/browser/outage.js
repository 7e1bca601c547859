// Alerts that wait because attempts fail: a banner per source, and what their rows and details show.
import { FAILURE_CODES } from './failure-codes.js';
import { formatAge, formatCount, UntrustedText } from './format.js';
import { html } from './html.js';
import { Time } from './time.js';

/** @typedef {import('./requests.js').Alert} Alert */
/** @typedef {import('./requests.js').Statistics} Statistics */
/** @typedef {Statistics['waiting'][number]} Waiting */

const MAX_BANNERS = 3;

/** Shows which sources' alerts wait, most first. @param {{ statistics: Statistics | null }} props */
export function WaitingBanners({ statistics }) {
  const waiting = statistics?.waiting ?? [];
  const others = waiting.slice(MAX_BANNERS).reduce((sum, { count }) => sum + count, 0);
  return html`
    ${waiting.slice(0, MAX_BANNERS).map((one) => html`<${WaitingBanner} key=${one.source} waiting=${one} />`)}
    ${others > 0 && html`<p class="banner"><b>${formatCount(others, 'alert')}</b> of ${formatCount(waiting.length - MAX_BANNERS, 'other video source')} also wait for another attempt.</p>`}
  `;
}

/** @param {{ waiting: Waiting }} props */
function WaitingBanner({ waiting: { source, code, count, since, next_attempt_at } }) {
  return html`
    <p class="banner">
      <b>${formatCount(count, 'alert')}</b>${source !== null && html` of the video source <b>${source}</b>`} ${count === 1 ? 'waits' : 'wait'} for another attempt, the first since <${Time} at=${since} />: <code>${code}</code>. ${FAILURE_CODES[code].meaning}
      ${next_attempt_at && html` Next attempt at <${Time} at=${next_attempt_at} />.`}
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
      <p>${next_attempt_at ? html`Late, next attempt at <${Time} at=${next_attempt_at} />, ${timeUntil(next_attempt_at, Date.now())}.` : 'Late, waits for a free worker or for its video source.'}</p>
    </div>
  `;
}

/** Returns `in 12 s`, or `now`: it starts as soon as a worker is free. @param {string} at @param {number} now */
function timeUntil(at, now) {
  const ms = Date.parse(at) - now;
  return ms < 1_000 ? 'now' : `in ${formatAge(ms)}`;
}
