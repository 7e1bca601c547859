import { useState } from 'preact/hooks';
import { html } from './html.js';

/** Formats that a browser may be able to play, by file extension. @type {Record<string, string>} */
const TYPES = { mp4: 'video/mp4', mov: 'video/mp4', webm: 'video/webm', mkv: 'video/webm' };

/**
 * Shows the video if the browser can play it.
 * @param {{ path: string, server: string }} props server: origin of the video server as browsers reach it, or ''
 */
export function Video({ path, server }) {
  const [failed, setFailed] = useState(false);
  if (server === '') return null;
  const extension = path.slice(path.lastIndexOf('.') + 1).toLowerCase();
  const type = TYPES[extension];
  const url = new URL(path, server);
  // The API rejects paths that lead to another server. This protects against a row that was written differently.
  if (url.origin !== server) return null;
  if (type === undefined || document.createElement('video').canPlayType(type) === '') {
    return html`<p class="note">Browsers can't play .${extension} files. <a href=${url.href} rel="noreferrer">Download it</a> instead.</p>`;
  }
  if (failed)
    return html`<p class="note">This browser can't play the video, or the video server refused it. <a href=${url.href} rel="noreferrer">Download it</a> instead.</p>`;
  return html`<video controls muted playsinline preload="metadata" src=${url.href} onError=${() => setFailed(true)}></video>`;
}
