// What an administrator sees and changes: API keys; configuration, versions and dependencies.
import { Banners } from './banners.js';
import { ConfigurationSection } from './configuration-section.js';
import { html } from './html.js';
import { getSettings } from './key-requests.js';
import { KeysSection } from './keys-section.js';
import { usePolled } from './polled.js';
import { SystemSection } from './system-section.js';

/** @typedef {import('./main.js').PageProps} PageProps */

const REFRESH_MS = 15_000;

/** Shows the keys that the user may administer, and with access to all stores the installation. @param {PageProps} props */
export function SettingsPage(props) {
  const { settings } = props;
  const mayManage = settings.scopes.includes('manage');
  return html`
    <main class="settings">
      <${Banners} ...${props} />
      ${
        mayManage
          ? html`<${KeysSection} settings=${settings} notify=${props.notify} />`
          : html`<section class="alerts" id="settings" tabindex="-1" aria-label="Settings"><p class="note">Your key needs the scope manage.</p></section>`
      }
      ${mayManage && settings.allStores && html`<${Installation} ...${props} />`}
    </main>
  `;
}

/** @param {PageProps} props */
function Installation({ view, navigate }) {
  const { value, error } = usePolled(getSettings, REFRESH_MS);
  return html`
    ${error !== '' && html`<p class="error" role="alert">Cannot show the installation: ${error}</p>`}
    ${!value && error === '' && html`<p class="note" role="status">Loading …</p>`}
    ${value && html`<${SystemSection} settings=${value} />`}
    ${value && html`<${ConfigurationSection} settings=${value} view=${view} navigate=${navigate} />`}
  `;
}
