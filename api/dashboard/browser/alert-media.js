import { useState } from 'preact/hooks';
import { PlayableCopy } from './copy.js';
import { html } from './html.js';
import { LargePicture } from './picture.js';
import { ShareLinks } from './share-links.js';
import { Video } from './video.js';

/** @typedef {import('./requests.js').Alert} Alert */

/**
 * Shows what there is to see of an alert: the video, a copy that the browser plays, or the picture.
 * @param {{ alert: Alert, settings: import('./main.js').Settings, notify: (text: string) => void }} props
 */
export function AlertMedia({ alert, settings, notify }) {
  const [hasCopy, setHasCopy] = useState(false);
  const mayRequest = settings.scopes.includes('operate');
  const picture = html`<${LargePicture} key=${alert.picture?.status} alert=${alert} />`;
  const otherwise = (/** @type {boolean} */ playable) =>
    playable || alert.status !== 'processed'
      ? picture
      : html`<${PlayableCopy} alert=${alert} mayRequest=${mayRequest} onReady=${() => setHasCopy(true)} />`;
  return html`
    <${Video} key=${`${alert.video} ${alert.processed_at}`} alert=${alert} server=${settings.videos} otherwise=${otherwise} />
    <${ShareLinks} uuid=${alert.uuid} picture=${alert.picture?.status === 'ready'} copy=${hasCopy} mayRevoke=${mayRequest} notify=${notify} />
  `;
}
