import { useState } from 'preact/hooks';
import { UntrustedText } from './format.js';
import { html } from './html.js';
import { pictureText, pictureUrl } from './picture.js';

/** @typedef {import('./requests.js').Alert} Alert */

/** Formats that a browser may be able to play, by file extension. @type {Record<string, string>} */
const TYPES = { mp4: 'video/mp4', mov: 'video/mp4', webm: 'video/webm', mkv: 'video/webm' };

/** The codecs that the worker reports, as browsers name them. A browser that knows one plays any profile of it. @type {Record<string, string>} */
const CODECS = {
  h264: 'avc1.42E01E',
  hevc: 'hvc1.1.6.L93.B0',
  av1: 'av01.0.04M.08',
  vp8: 'vp8',
  vp9: 'vp09.00.10.08',
  mpeg4: 'mp4v.20.8',
};

/** Sends no cookie and no referrer to the video server: it needs neither, and could be another party's. */
const PRIVATE = /** @type {const} */ ({ credentials: 'omit', referrerPolicy: 'no-referrer', cache: 'no-store' });

/** Returns the URL of the video, or undefined if the page shows none. @param {string} path @param {string} server origin of the video server, or '' */
export function videoUrl(path, server) {
  if (server === '') return undefined;
  const url = new URL(path, server);
  // The API rejects paths that lead to another server. This protects against a row that was written differently.
  return url.origin === server ? url.href : undefined;
}

/** @param {{ href: string, children: string }} props */
export function VideoLink({ href, children }) {
  return html`<a href=${href} rel="noreferrer" referrerpolicy="no-referrer">${children}</a>`;
}

/**
 * Shows the video if the browser can play it, else why it cannot, after what `otherwise` renders.
 * @param {{ alert: Alert, server: string, otherwise: (playable: boolean) => unknown }} props
 *   server: origin of the video server as browsers reach it, or ''. `playable`: the browser could play it, but no server is known.
 */
export function Video({ alert, server, otherwise }) {
  const [error, setError] = useState('');
  const url = videoUrl(alert.video, server);
  const reason = error || unsupportedFormat(alert);
  if (url === undefined) return otherwise(reason === '');
  if (reason !== '')
    return html`
      ${otherwise(false)}
      <p class="note video-error"><${UntrustedText}>${reason}<//> <${VideoLink} href=${url}>Download the file<//></p>
    `;
  const poster = alert.picture?.status === 'ready' ? pictureUrl(alert.uuid) : undefined;
  const onError = async (/** @type {{ currentTarget: HTMLVideoElement }} */ { currentTarget }) =>
    setError(await playbackError(url, alert, currentTarget));
  return html`<video controls muted playsinline preload="metadata" crossorigin="anonymous" referrerpolicy="no-referrer" src=${url} poster=${poster} aria-label=${`Video: ${pictureText(alert)}`} onError=${onError}></video>`;
}

/** Returns why no browser, or not this one, can play the format, or ''. @param {Alert} alert */
function unsupportedFormat({ video, codec }) {
  const extension = video.slice(video.lastIndexOf('.') + 1).toLowerCase();
  const type = TYPES[extension];
  if (type === undefined) return `Browsers cannot play .${extension} files.`;
  const element = document.createElement('video');
  if (element.canPlayType(type) === '') return `This browser cannot play .${extension} files.`;
  if (codec === null) return '';
  const name = CODECS[codec];
  // In any container: what a browser decodes in one, it decodes in another that it can read.
  const known = name && ['video/mp4', 'video/webm'].some((t) => element.canPlayType(`${t}; codecs="${name}"`) !== '');
  return known ? '' : `This browser cannot decode the codec ${codec}.`;
}

/** Returns why the video element failed; it does not say so itself. @param {string} url @param {Alert} alert @param {HTMLVideoElement} element */
async function playbackError(url, { codec, failure }, element) {
  const { error } = element;
  const response = await fetch(url, { method: 'HEAD', ...PRIVATE }).catch(() => undefined);
  if (response === undefined)
    return 'The video server cannot be reached, or does not allow this page to play videos (Access-Control-Allow-Origin).';
  if (response.status === 404 || response.status === 410) return 'The video server has no file at this path (404).';
  if (response.status === 401 || response.status === 403) return `The video server denied access (${response.status}).`;
  if (!response.ok) return `The video server responded with status ${response.status}.`;
  const damaged = failure?.code === 'video_unreadable' || codec !== null || error?.code === MediaError.MEDIA_ERR_DECODE;
  if (damaged) return 'The file is damaged: the browser cannot read it.';
  return 'The browser cannot play the file: it does not support its codec, or the file is damaged.';
}
