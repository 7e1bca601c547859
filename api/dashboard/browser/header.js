import { UntrustedText } from './format.js';
import { html } from './html.js';
import { followLink } from './link.js';
import { NotificationMenu } from './notification-menu.js';
import {
  urlOf,
  viewOfAlerts,
  viewOfAudit,
  viewOfDestinations,
  viewOfRetention,
  viewOfSettings,
  viewOfStores,
} from './view.js';
import { ZoneSwitch } from './zone-switch.js';

/** @typedef {import('./failure-watch.js').NotificationSettings} NotificationSettings */
/** @typedef {import('./view.js').View} View */

/**
 * Shows the two views of the page, the state of the connection, and the links to other pages.
 * @param {{ settings: import('./main.js').Settings, connection: import('./events.js').Connection, view: View, navigate: import('./view.js').Navigate,
 *   notifications: NotificationSettings, onNotifications: (changes: Partial<NotificationSettings>) => void }} props
 */
export function Header({ settings, connection, view, navigate, notifications, onNotifications }) {
  const label = { connecting: 'Connecting', live: 'Live', lost: 'Reconnecting' }[connection];
  return html`
    <header class="page-header">
      <h1>Video alerts</h1>
      <nav class="views" aria-label="Views">
        <${ViewLink} to=${viewOfAlerts(view)} view=${view} navigate=${navigate}>Alerts<//>
        <${ViewLink} to=${viewOfStores(view)} view=${view} navigate=${navigate}>Stores<//>
        <${ViewLink} to=${viewOfDestinations(view)} view=${view} navigate=${navigate}>Destinations<//>
        ${settings.scopes.includes('manage') && html`<${ViewLink} to=${viewOfRetention(view)} view=${view} navigate=${navigate}>Retention<//>`}
        ${settings.scopes.includes('manage') && settings.allStores && html`<${ViewLink} to=${viewOfAudit(view)} view=${view} navigate=${navigate}>Audit<//>`}
        ${settings.scopes.includes('manage') && html`<${ViewLink} to=${viewOfSettings(view)} view=${view} navigate=${navigate}>Settings<//>`}
      </nav>
      <span class=${`connection ${connection}`} role="status">${label}</span>
      <${ZoneSwitch} view=${view} navigate=${navigate} />
      <${NotificationMenu} settings=${notifications} onChange=${onNotifications} />
      <nav class="pages" aria-label="Other pages">
        ${settings.allStores && html`<a href="/queues">Queue</a>`}
        <a href="/docs">API</a>
      </nav>
      ${
        settings.keyed &&
        html`<form method="post" action="/logout"><span class="key-name"><${UntrustedText}>${settings.name}<//></span><button class="quiet">Log out</button></form>`
      }
    </header>
  `;
}

/** @param {{ to: View, view: View, navigate: import('./view.js').Navigate, children: string }} props */
function ViewLink({ to, view, navigate, children }) {
  const current = to.view === view.view;
  return html`<a href=${urlOf(to)} aria-current=${current ? 'page' : undefined} onClick=${followLink(() => navigate(to))}>${children}</a>`;
}
