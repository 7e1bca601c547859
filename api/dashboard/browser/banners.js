import { DestinationBanner } from './destination-banner.js';
import { DiskBanners } from './disks.js';
import { html } from './html.js';
import { MuteBanner } from './mutes.js';
import { SilenceBanner } from './silences.js';

/** @typedef {import('./main.js').PageProps} PageProps */

/** Shows what every view warns of, and then its own warnings. @param {PageProps & { children?: unknown }} props */
export function Banners({ connection, overview, view, navigate, children }) {
  const { destinations, mutes } = overview;
  return html`
    <div class="banners" role="status">
      ${connection === 'lost' && html`<p class="banner">Connection lost. The data may be outdated; the page reconnects automatically.</p>`}
      <${DiskBanners} />
      ${children}
      <${SilenceBanner} view=${view} navigate=${navigate} />
      ${destinations.map((one) => html`<${DestinationBanner} key=${one.id} destination=${one} view=${view} navigate=${navigate} />`)}
      ${mutes.length > 0 && html`<${MuteBanner} mutes=${mutes} view=${view} navigate=${navigate} />`}
    </div>
  `;
}
