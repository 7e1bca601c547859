// The picture of an alert: its first key frame.
import { useState } from 'preact/hooks';
import { UntrustedText, withVisibleCharacters } from './format.js';
import { html } from './html.js';
import { formatTime } from './time.js';

/** @typedef {import('./requests.js').Alert} Alert */
/** @typedef {import('./requests.js').Picture} Picture */

const LOAD_ERROR = 'the server did not send it';

/** Returns the address of a picture. @param {string} uuid */
export function pictureUrl(uuid) {
  return `/alerts/${uuid}/picture`;
}

/** Describes a picture to those who cannot see it: store, time of the recording and size of the video. @param {Alert} alert */
export function pictureText({ store, timestamp, resolution }) {
  const time = formatTime(new Date(timestamp * 1_000).toISOString());
  return withVisibleCharacters(`${store}, ${time}${resolution ? `, ${resolution.replace('x', ' × ')}` : ''}`);
}

/** Returns why there is no picture, or '' if there is one. @param {Picture} picture */
function reasonOf({ status, detail, reason }) {
  if (status === 'ready') return '';
  return status === 'pending' ? 'it is being made' : (detail ?? reason ?? 'unknown reason');
}

/**
 * Shows a picture in a row of the list, in a box that always has the same size, or why there is none.
 * @param {{ alert: Alert, onOpen: () => void }} props
 */
export function PictureCell({ alert, onOpen }) {
  const [failed, setFailed] = useState(false);
  const { picture, uuid } = alert;
  if (picture === null) return html`<span role="cell" class="picture"></span>`;
  const reason = failed ? LOAD_ERROR : reasonOf(picture);
  if (reason === '')
    return html`<span role="cell" class="picture"><img src=${pictureUrl(uuid)} alt=${pictureText(alert)} loading="lazy" decoding="async" width="64" height="36" onError=${() => setFailed(true)} /></span>`;
  const text = `${picture.status === 'pending' ? 'Picture' : 'No picture'}: ${withVisibleCharacters(reason)}`;
  // The row's link is below the box, so that the pointer reaches the tooltip.
  return html`
    <span role="cell" class="picture">
      <span class=${`no-picture ${picture.status}`} title=${text} onClick=${onOpen}>
        <svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d=${picture.status === 'pending' ? PENDING : MISSING} /></svg>
        <span class="visually-hidden">${text}</span>
      </span>
    </span>
  `;
}

const PENDING = 'M3.5 8h.01M8 8h.01M12.5 8h.01';
const MISSING = 'M2.5 4.5h11v8h-11zM3 13.5l10.5-11';

/** Shows the picture large, or why there is none. @param {{ alert: Alert }} props */
export function LargePicture({ alert }) {
  const [failed, setFailed] = useState(false);
  const { picture, uuid } = alert;
  if (picture === null) return null;
  const reason = failed ? LOAD_ERROR : reasonOf(picture);
  if (reason !== '')
    return html`<p class="note picture-reason">${picture.status === 'pending' ? 'Picture' : 'No picture'}: <${UntrustedText}>${reason.replace(/\.$/, '')}<//>.</p>`;
  const { width, height } = picture;
  return html`<img class="large-picture" src=${pictureUrl(uuid)} alt=${pictureText(alert)} width=${width} height=${height} onError=${() => setFailed(true)} />`;
}
