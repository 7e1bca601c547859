import { formatCount, UntrustedText } from './format.js';
import { html } from './html.js';
import { Time } from './time.js';

/** @typedef {import('./destination-requests.js').Destination} Destination */
/** @typedef {import('./destination-requests.js').Health} Health */
/** @typedef {Health['state'] | 'paused'} State */

/** @type {Record<State, string>} */
const LABELS = {
  ok: 'OK',
  failing: 'Failing',
  blocked: 'Blocked',
  disabled: 'Disabled',
  paused: 'Paused',
  unused: 'Not used yet',
};

/** A shape and the color of a status for each state. @type {Record<State, [className: string, path: string]>} */
const ICONS = {
  ok: ['processed', 'm3.5 8.5 3 3 6-7'],
  failing: ['failed', 'm4.5 4.5 7 7m0-7-7 7'],
  blocked: ['pending', 'M8 3a5 5 0 1 0 0 10A5 5 0 0 0 8 3Zm0 2.2V8l1.8 1.4'],
  disabled: ['failed', 'M8 3a5 5 0 1 0 0 10A5 5 0 0 0 8 3ZM4.6 11.4l6.8-6.8'],
  paused: ['pending', 'M6 4v8m4-8v8'],
  unused: ['', 'M4.5 8h7'],
};

/** @param {Destination} destination @returns {State} */
export function stateOf({ health, disabled_reason }) {
  return health.state === 'disabled' && disabled_reason === null ? 'paused' : health.state;
}

/** @param {{ destination: Destination }} props */
export function HealthBadge({ destination }) {
  const state = stateOf(destination);
  const [className, path] = ICONS[state];
  return html`
    <span class=${`status health ${className}`}>
      <svg class=${`icon ${className}`} viewBox="0 0 16 16" aria-hidden="true"><path d=${path} /></svg>${LABELS[state]}
      ${state === 'blocked' && destination.health.blocked_until && html`<span class="note">until <${Time} at=${destination.health.blocked_until} /></span>`}
    </span>
  `;
}

/** Explains a state in which deliveries wait; renders nothing for others. @param {{ destination: Destination }} props */
export function HealthBox({ destination }) {
  const { health, disabled_reason, disabled_at, secrets_error } = destination;
  const state = stateOf(destination);
  if (secrets_error !== null) {
    return html`
      <div class="failure-box">
        <p><b>Its secrets cannot be read:</b> <${UntrustedText}>${secrets_error}<//></p>
      </div>
    `;
  }
  if (state === 'ok' || state === 'unused') return null;
  const error = health.last_error && html`<p class="failure-detail"><${UntrustedText}>${health.last_error}<//></p>`;
  if (state === 'paused' || state === 'disabled') {
    return html`
      <div class=${state === 'paused' ? 'failure-box waiting' : 'failure-box'}>
        <p>${state === 'paused' ? 'Paused' : html`Disabled automatically: <b><${UntrustedText}>${disabled_reason ?? ''}<//></b>`}${disabled_at && html`, since <${Time} at=${disabled_at} />`}.</p>
        <p>Deliveries are kept and sent, oldest first, when it is resumed.</p>
      </div>
    `;
  }
  return html`
    <div class=${state === 'blocked' ? 'failure-box waiting' : 'failure-box'}>
      <p>${formatCount(health.consecutive_failures, 'attempt')} failed in a row${health.last_error_at && html`, the last one at <${Time} at=${health.last_error_at} />`}.</p>
      ${error}
      ${state === 'blocked' && health.blocked_until && html`<p>The next attempt is made after <${Time} at=${health.blocked_until} />. Deliveries wait until then.</p>`}
    </div>
  `;
}
