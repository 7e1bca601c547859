import { useState } from 'preact/hooks';
import { html } from './html.js';

/** What a browser may be able to play, by the name's ending. @type {Record<string, string>} */
const TYPES = { mp4: 'video/mp4', mov: 'video/mp4', webm: 'video/webm', mkv: 'video/webm' };

/**
 * The video itself, where the browser can play it.
 * @param {{ path: string, server: string }} props server: origin of the videos as this browser reaches it; '' for none
 */
export function Video({ path, server }) {
  const [fault, setFault] = useState(false);
  if (server === '') return null;
  const ending = path.slice(path.lastIndexOf('.') + 1).toLowerCase();
  const type = TYPES[ending];
  const url = new URL(path, server);
  // The api took no path that leads to another server; were there one in the table, the page would not go there either.
  if (url.origin !== server) return null;
  if (type === undefined || document.createElement('video').canPlayType(type) === '') {
    return html`<p class="note">Browsers do not play .${ending}; the link below gives the file.</p>`;
  }
  if (fault)
    return html`<p class="note">This browser cannot play the video, or the video server does not give it out.</p>`;
  return html`<video controls muted playsinline preload="metadata" src=${url.href} onError=${() => setFault(true)}></video>`;
}
