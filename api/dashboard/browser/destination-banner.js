import { formatCount, UntrustedText } from './format.js';
import { html } from './html.js';
import { followLink } from './link.js';
import { urlOf, viewOfDestinations } from './view.js';

/** @typedef {import('./destination-requests.js').Destination} Destination */

/** From here on a destination is reported as failing, as by the alerting rule. */
const FAILURES = 10;

/**
 * Warns of a destination that fails all the time or was disabled automatically; renders nothing for others.
 * @param {{ destination: Destination, view: import('./view.js').View, navigate: import('./view.js').Navigate }} props
 */
export function DestinationBanner({ destination: { id, name, enabled, disabled_reason, health }, view, navigate }) {
  const disabled = !enabled && disabled_reason !== null;
  if (!disabled && (!enabled || health.consecutive_failures < FAILURES)) return null;
  const to = viewOfDestinations(view, id);
  return html`
    <p class="banner failing">
      Destination <a href=${urlOf(to)} onClick=${followLink(() => navigate(to))}><${UntrustedText}>${name}<//></a>${' '}
      ${
        disabled
          ? html`was disabled automatically: <${UntrustedText}>${disabled_reason}<//>. Its deliveries are kept.`
          : html`fails: ${formatCount(health.consecutive_failures, 'attempt')} in a row. ${health.last_error && html`<${UntrustedText}>${health.last_error}<//>`}`
      }
    </p>
  `;
}
