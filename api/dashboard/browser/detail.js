import { useEffect, useRef, useState } from 'preact/hooks';
import { FAILURE_CODES } from './failure-codes.js';
import { count, Foreign, Moment, size } from './format.js';
import { html } from './html.js';
import { getAlert, getTimeline, Refused, retryOne } from './requests.js';
import { Status } from './status.js';
import { TimelineView } from './timeline-view.js';
import { Video } from './video.js';

/** @typedef {import('./requests.js').Alert} Alert */
/** @typedef {import('./requests.js').Timeline} Timeline */
/** @typedef {import('./main.js').Settings} Settings */

/** How often an alert that is not through is asked for again: a wait goes on without a change of state. */
const OPEN_REFRESH_MS = 2_000;

/**
 * All there is to know of one alert.
 * @param {{ uuid: string, change: Alert | undefined, settings: Settings, onClose: () => void, onNews: (words: string) => void }} props
 *   change: its newest state, as the stream told it
 */
export function Detail({ uuid, change, settings, onClose, onNews }) {
  const title = useRef(/** @type {HTMLHeadingElement | null} */ (null));
  const { alert, timeline, fault, refresh } = useAlert(uuid, change);
  useEffect(() => title.current?.focus(), [uuid]);
  const video = alert && html`<${Video} key=${alert.video} path=${alert.video} server=${settings.videos} />`;
  return html`
    <section class="panel detail" aria-labelledby="detail-title">
      <header>
        <h2 id="detail-title" tabindex="-1" ref=${title}>${alert ? html`<${Foreign}>${alert.store}<//>` : 'Alert'}</h2>
        ${alert && html`<${Status} status=${alert.status} />`}
        <button class="quiet close" onClick=${onClose} aria-label="Close the detail"><svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d="m4 4 8 8m0-8-8 8" /></svg></button>
      </header>
      ${fault && html`<${Fault} fault=${fault} uuid=${uuid} onRetry=${refresh} />`}
      ${!alert && !fault && html`<p class="note" role="status">Loading …</p>`}
      ${
        alert &&
        html`
        ${alert.failure && html`<${Failed} alert=${alert} mayRetry=${settings.scopes.includes('operate')} onChange=${refresh} onNews=${onNews} />`}
        <${Picture} alert=${alert} />
        ${alert.failure === null && video}
        ${timeline && html`<${TimelineView} timeline=${timeline} />`}
        ${alert.failure !== null && video}
        <${Facts} alert=${alert} timeline=${timeline} settings=${settings} />
      `
      }
    </section>
  `;
}

/** @param {string} uuid @param {Alert | undefined} change */
function useAlert(uuid, change) {
  const [alert, setAlert] = useState(/** @type {Alert | null} */ (null));
  const [timeline, setTimeline] = useState(/** @type {Timeline | null} */ (null));
  const [fault, setFault] = useState(/** @type {Refused | null} */ (null));
  const [turn, setTurn] = useState(0);
  const open = alert !== null && alert.notified_at === null;
  useEffect(() => {
    setAlert(null);
    setTimeline(null);
  }, [uuid]);
  // Asked again when the stream told a change, or when told to
  useEffect(() => {
    const stop = new AbortController();
    Promise.all([getAlert(uuid, stop.signal), getTimeline(uuid, stop.signal)]).then(
      ([newAlert, newTimeline]) => {
        if (stop.signal.aborted) return;
        setAlert(newAlert);
        setTimeline(newTimeline);
        setFault(null);
      },
      (error) => {
        if (!stop.signal.aborted) setFault(error instanceof Refused ? error : new Refused(0, String(error)));
      },
    );
    return () => stop.abort();
  }, [uuid, change, turn]);
  useEffect(() => {
    if (!open) return;
    const timer = setInterval(() => setTurn((n) => n + 1), OPEN_REFRESH_MS);
    return () => clearInterval(timer);
  }, [open, uuid]);
  return { alert, timeline, fault, refresh: () => setTurn((n) => n + 1) };
}

/** @param {{ fault: Refused, uuid: string, onRetry: () => void }} props */
function Fault({ fault, uuid, onRetry }) {
  const unknown = fault.status === 404 || fault.status === 422;
  return html`
    <div class="fault" role="alert">
      <p>${unknown ? html`There is no alert <code>${uuid}</code>, or not for your key.` : fault.message}</p>
      ${!unknown && html`<button onClick=${onRetry}>Try again</button>`}
    </div>
  `;
}

/** @param {{ alert: Alert, mayRetry: boolean, onChange: () => void, onNews: (words: string) => void }} props */
function Failed({ alert, mayRetry, onChange, onNews }) {
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState('');
  const failure = alert.failure ?? { code: '', detail: '' };
  const words = FAILURE_CODES[failure.code];
  async function retry() {
    setBusy(true);
    setRefusal('');
    try {
      await retryOne(alert.uuid);
      onNews('The alert is retried.');
    } catch (error) {
      const words = `Not retried: ${error instanceof Error ? error.message : error}`;
      // 409: somebody else was first. What it is by now is shown instead of this box.
      if (error instanceof Refused && error.status === 409) onNews(words);
      else setRefusal(words);
    }
    setBusy(false);
    onChange();
  }
  return html`
    <div class="failed-box">
      <p><code>${failure.code}</code></p>
      <p class="said"><${Foreign}>${failure.detail}<//></p>
      <p>${words?.what} ${words?.todo}</p>
      ${mayRetry && html`<button class="primary" disabled=${busy} onClick=${retry}>Retry this alert</button>`}
      ${refusal !== '' && html`<p class="fault" role="alert">${refusal}</p>`}
    </div>
  `;
}

/** @param {{ alert: Alert }} props */
function Picture({ alert }) {
  if (alert.resolution === null) return null;
  const seconds = alert.duration === null ? '' : `${alert.duration.toFixed(1)} s`;
  const more = [alert.codec, alert.container, seconds, alert.rotation ? `rotated ${alert.rotation}°` : ''].filter(
    Boolean,
  );
  return html`<p class="picture"><b>${alert.resolution.replace('x', ' × ')}</b> ${more.join(' · ')}</p>`;
}

/** @param {{ alert: Alert, timeline: Timeline | null, settings: Settings }} props */
function Facts({ alert, timeline, settings }) {
  const { attempts, bytes_fetched, uuid, video, timestamp } = alert;
  const earlier = timeline?.attempts_before ? `, ${timeline.attempts_before} of them before a retry` : '';
  const crashed = timeline?.crashes ? `, ${count(timeline.crashes, 'worker')} vanished` : '';
  return html`
    <dl>
      <dt>Happened</dt><dd><${Moment} at=${new Date(timestamp * 1_000).toISOString()} /></dd>
      <dt>Attempts</dt><dd>${attempts}${earlier}${crashed}</dd>
      ${timeline?.last_fault && html`<dt>Last fault</dt><dd><${Foreign}>${timeline.last_fault}<//></dd>`}
      <dt>Fetched</dt><dd>${size(bytes_fetched)} of the video</dd>
      <dt>Video</dt><dd class="mono"><${Foreign}>${video}<//></dd>
      <dt>UUID</dt><dd class="mono">${uuid}</dd>
    </dl>
    <p class="links">
      ${settings.videos !== '' && html`<a href=${new URL(video, settings.videos).href} rel="noreferrer">Video file</a>`}
      <a href=${`/alerts/${uuid}`}>JSON</a>
      ${settings.board && (settings.doneJobs || alert.status !== 'processed') && html`<a href=${`/queues/queue/alerts/${uuid}`}>Job on Bull Board</a>`}
    </p>
  `;
}
