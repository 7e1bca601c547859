import { HealthBadge } from './destination-health.js';
import { kindLabel } from './destination-kinds.js';
import { formatNumber, UntrustedText } from './format.js';
import { html } from './html.js';
import { followLink } from './link.js';
import { Time } from './time.js';
import { urlOf, viewOfDestinations } from './view.js';

/** @typedef {import('./destination-requests.js').Destination} Destination */
/** @typedef {import('./view.js').View} View */
/** @typedef {import('./view.js').Navigate} Navigate */

/** The API stops counting here. */
const MAX_COUNT = 10_000;

/** Returns `10,000+` for a number above the limit of what was counted. @param {number} n */
export function formatLimited(n, max = MAX_COUNT) {
  return n > max ? `${formatNumber(max)}+` : formatNumber(n);
}

/** @param {{ overview: import('./destinations.js').Overview, view: View, navigate: Navigate, mayManage: boolean }} props */
export function DestinationList({ overview, view, navigate, mayManage }) {
  const { destinations, loaded, error } = overview;
  if (!loaded) return error ? null : html`<p class="note" role="status">Loading …</p>`;
  return html`
    <table class="destination-table">
      <thead>
        <tr><th>Name</th><th>Kind</th><th>State</th><th class="number">Pending</th><th class="number">Failed</th><th>Last delivery</th></tr>
      </thead>
      <tbody>
        <tr><td class="name">console</td><td class="kind">Console, built-in</td><td class="about" colspan="4"><span class="note">Prints every processed alert on the worker’s output.</span></td></tr>
        ${destinations.map((one) => html`<${Row} key=${one.id} destination=${one} view=${view} navigate=${navigate} />`)}
      </tbody>
    </table>
    ${destinations.length === 0 && html`<${NoDestinations} mayManage=${mayManage} />`}
  `;
}

/** @param {{ destination: Destination, view: View, navigate: Navigate }} props */
function Row({ destination: { id, name, kind, health }, destination, view, navigate }) {
  const to = viewOfDestinations(view, id);
  const selected = view.destination === id;
  return html`
    <tr class=${selected ? 'selected' : ''} data-destination=${id}>
      <td class="name"><a href=${urlOf(to)} aria-current=${selected ? 'true' : undefined} onClick=${followLink(() => navigate(to))}><${UntrustedText}>${name}<//></a></td>
      <td class="kind">${kindLabel(kind)}</td>
      <td class="state"><${HealthBadge} destination=${destination} /></td>
      <td class="number" data-label="pending">${formatLimited(health.pending)}</td>
      <td class=${health.failed > 0 ? 'number failure' : 'number'} data-label="failed">${formatLimited(health.failed)}</td>
      <td class="last">${health.last_delivered_at ? html`<${Time} at=${health.last_delivered_at} />` : html`<span class="note">none yet</span>`}</td>
    </tr>
  `;
}

/** @param {{ mayManage: boolean }} props */
function NoDestinations({ mayManage }) {
  return html`
    <div class="list-end empty">
      <p><b>No destinations yet.</b></p>
      <p class="note">
        A destination is notified when an alert is processed, has failed or is late: by webhook, e-mail, ntfy, Slack, Teams,
        Discord or MQTT. Deliveries are stored with the alert and repeated until they arrive.
      </p>
      <p class="note">${mayManage && 'Add one here, or use the API: '}<a href="/docs">API documentation</a>. The file <code>docs/destinations.md</code> explains every kind.</p>
    </div>
  `;
}
