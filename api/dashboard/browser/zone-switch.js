import { html } from './html.js';
import { zoneName } from './time.js';

/** @typedef {import('./view.js').View} View */

/** Selects the zone of all times. @param {{ view: View, navigate: (changes: Partial<View>) => void }} props */
export function ZoneSwitch({ view, navigate }) {
  const select = (/** @type {{ currentTarget: HTMLSelectElement }} */ { currentTarget }) =>
    navigate({ zone: currentTarget.value });
  return html`
    <select class="zone" aria-label="Time zone" value=${view.zone} onChange=${select}>
      <option value="">${zoneName(new Date(), '')}</option>
      <option value="utc">UTC</option>
    </select>
  `;
}
