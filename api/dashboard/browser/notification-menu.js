import { useState } from 'preact/hooks';
import { requestNotifications } from './failure-watch.js';
import { Checkbox } from './form-fields.js';
import { html } from './html.js';
import { Menu } from './menu.js';
import { playSound } from './sound.js';

/** @typedef {import('./failure-watch.js').NotificationSettings} NotificationSettings */

const BELL =
  'M8 2.5a3.6 3.6 0 0 0-3.6 3.6c0 3-1.2 4.2-1.9 5h11c-.7-.8-1.9-2-1.9-5A3.6 3.6 0 0 0 8 2.5ZM6.6 13.4a1.5 1.5 0 0 0 2.8 0';

/**
 * Shows the menu that sets how the page draws attention to failures.
 * @param {{ settings: NotificationSettings, onChange: (changes: Partial<NotificationSettings>) => void }} props
 */
export function NotificationMenu({ settings, onChange }) {
  const [denied, setDenied] = useState(false);
  const available = 'Notification' in window && isSecureContext;
  async function setDesktop(/** @type {boolean} */ desktop) {
    // The browser requests the permission only after this click.
    const granted = !desktop || (await requestNotifications());
    setDenied(!granted);
    onChange({ desktop: desktop && granted });
  }
  function setSound(/** @type {boolean} */ sound) {
    onChange({ sound });
    if (sound) void playSound();
  }
  const label = html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d=${BELL} /></svg>`;
  return html`
    <${Menu} label=${label} title="Notifications of failures" className="notification-menu">
      <p><b>When alerts fail</b></p>
      <${Checkbox} label="Count them in the tab’s title while the page is hidden" checked=${settings.title} onChange=${(/** @type {boolean} */ title) => onChange({ title })} />
      <${Checkbox} label="Play a sound" checked=${settings.sound} onChange=${setSound} />
      ${
        available
          ? html`<${Checkbox} label="Show a desktop notification while another window has the focus" checked=${settings.desktop} onChange=${setDesktop} />`
          : html`<p class="note">Desktop notifications need HTTPS and a browser that has them.</p>`
      }
      ${denied && html`<p class="error" role="alert">The browser blocks notifications of this page. Allow them in its settings, then try again.</p>`}
      <p class="note">At most every 15 seconds, in this browser only.</p>
    <//>
  `;
}
