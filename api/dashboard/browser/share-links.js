import { useState } from 'preact/hooks';
import { ConfirmDialog } from './confirm-dialog.js';
import { html } from './html.js';
import { createLink, revokeLinks } from './media-requests.js';
import { asRequestError } from './requests.js';
import { Time } from './time.js';

const HOUR_S = 3_600;
/** @type {[seconds: number, label: string][]} */
const VALIDITIES = [
  [HOUR_S, '1 hour'],
  [8 * HOUR_S, '8 hours'],
  [24 * HOUR_S, '24 hours'],
];

/**
 * Shows how to copy an address of the picture or of the copy that needs no key, and how to make all of them invalid.
 * @param {{ uuid: string, picture: boolean, copy: boolean, mayRevoke: boolean, notify: (text: string) => void }} props
 *   picture, copy: whether they exist
 */
export function ShareLinks({ uuid, picture, copy, mayRevoke, notify }) {
  const [seconds, setSeconds] = useState(HOUR_S);
  const [link, setLink] = useState(/** @type {{ of: string, url: string, expires_at: string } | null} */ (null));
  const [error, setError] = useState('');
  const [revoking, setRevoking] = useState(false);
  async function create(/** @type {'picture' | 'copy'} */ of) {
    setError('');
    try {
      const { url, expires_at } = await createLink(uuid, of, seconds);
      const absolute = new URL(url, location.href).href;
      setLink({ of, url: absolute, expires_at });
      if (await copyText(absolute)) notify('Link copied.');
    } catch (error) {
      setError(asRequestError(error).message);
    }
  }
  async function revoke() {
    await revokeLinks(uuid);
    setLink(null);
    notify('All links of this alert are invalid.');
  }
  const select = (/** @type {{ currentTarget: HTMLSelectElement }} */ { currentTarget }) =>
    setSeconds(Number(currentTarget.value));
  if (!picture && !copy) return null;
  return html`
    <details class="share">
      <summary>Share a link</summary>
      <p class="note">Anyone with the link can open the file without a key until it expires or is revoked.</p>
      <div class="buttons">
        <label>Valid for <select value=${seconds} onChange=${select}>${VALIDITIES.map(([value, label]) => html`<option value=${value}>${label}</option>`)}</select></label>
        ${picture && html`<button onClick=${() => create('picture')}>Copy link to the picture</button>`}
        ${copy && html`<button onClick=${() => create('copy')}>Copy link to the video</button>`}
        ${mayRevoke && html`<button class="danger" onClick=${() => setRevoking(true)}>Revoke all links</button>`}
      </div>
      ${link && html`<${CreatedLink} key=${link.url} link=${link} />`}
      ${error !== '' && html`<p class="error" role="alert">${error}</p>`}
    </details>
    ${
      revoking &&
      html`<${ConfirmDialog} title="Revoke all links" action="Revoke" run=${revoke} onClose=${() => setRevoking(false)}>
        <p>All links to the picture and the video of this alert become invalid, also those in messages that were sent.</p>
      <//>`
    }
  `;
}

/** @param {{ link: { of: string, url: string, expires_at: string } }} props */
function CreatedLink({ link: { of, url, expires_at } }) {
  const selectAll = (/** @type {{ currentTarget: HTMLInputElement }} */ { currentTarget }) => currentTarget.select();
  return html`
    <div class="field">
      <label for="created-link">Link to the ${of === 'copy' ? 'video' : 'picture'}</label>
      <input id="created-link" class="mono" readonly value=${url} onFocus=${selectAll} aria-describedby="created-link-note" />
      <p id="created-link-note" class="note">Valid until <${Time} at=${expires_at} withZone />.</p>
    </div>
  `;
}

/** Returns whether the text is in the clipboard: pages on plain HTTP have none. @param {string} text */
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
