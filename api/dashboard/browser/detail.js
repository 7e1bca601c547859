import { useEffect, useState } from 'preact/hooks';
import { AlertMedia } from './alert-media.js';
import { ArchivedBadge } from './archived-badge.js';
import { AlertDeliveries } from './deliveries.js';
import { FailureBox } from './failure-box.js';
import { formatBytes, UntrustedText } from './format.js';
import { HeldBadge, HoldBox, KeepingActions } from './hold-box.js';
import { html } from './html.js';
import { WaitingBox } from './outage.js';
import { Panel } from './panel.js';
import { pollDelay } from './pending-pictures.js';
import { asRequestError, getAlert, getTimeline } from './requests.js';
import { Status } from './status.js';
import { Time } from './time.js';
import { TimelineView } from './timeline-view.js';
import { TriageBox } from './triage-box.js';
import { VideoLink, videoUrl } from './video.js';

/** @typedef {import('./requests.js').Alert} Alert */
/** @typedef {import('./requests.js').RequestError} RequestError */
/** @typedef {import('./requests.js').Timeline} Timeline */
/** @typedef {import('./main.js').Settings} Settings */

/** Refresh interval of an unfinished alert: its wait grows although its status does not change. */
const REFRESH_MS = 2_000;

/**
 * Shows everything about one alert.
 * @param {{ uuid: string, change: Alert | undefined, view: import('./view.js').View, settings: Settings, onClose: () => void,
 *   onKept: () => void, notify: (text: string) => void }} props
 *   change: its newest state from the event stream; onKept: it was held, released or deleted
 */
export function Detail({ uuid, change, view, settings, onClose, onKept, notify }) {
  const { alert, timeline, error, refresh } = useAlert(uuid, change);
  const media = alert && html`<${AlertMedia} alert=${alert} settings=${settings} notify=${notify} />`;
  const kept = () => {
    refresh();
    onKept();
  };
  const deleted = () => {
    onClose();
    onKept();
  };
  const mayManage = settings.scopes.includes('manage') && settings.allStores;
  return html`
    <${Panel} key=${uuid} title=${alert?.store ?? 'Alert'} badge=${alert && html`<${Status} status=${alert.status} />${alert.hold && html`<${HeldBadge} />`}${alert.archived && html`<${ArchivedBadge} />`}`} onClose=${onClose}>
      ${error && html`<${LoadError} error=${error} uuid=${uuid} onRetry=${refresh} />`}
      ${!alert && !error && html`<p class="note" role="status">Loading …</p>`}
      ${
        alert &&
        html`
        ${alert.archived && html`<p class="note">Restored from the archive. It is never processed, retried or delivered again.</p>`}
        <${FailureBox} key=${uuid} alert=${alert} mayRetry=${settings.scopes.includes('operate')} onChange=${refresh} notify=${notify} />
        <${WaitingBox} alert=${alert} />
        ${alert.hold && html`<${HoldBox} hold=${alert.hold} />`}
        <${TriageBox} alert=${alert} mayOperate=${settings.scopes.includes('operate')} onChange=${refresh} notify=${notify} />
        <${Resolution} alert=${alert} />
        ${alert.failure === null && media}
        ${timeline && html`<${TimelineView} timeline=${timeline} />`}
        ${alert.failure !== null && media}
        <${AlertDeliveries} alert=${uuid} refreshed=${alert} mayRetry=${mayManage} view=${view} notify=${notify} />
        <${Properties} alert=${alert} timeline=${timeline} settings=${settings} />
        ${settings.scopes.includes('manage') && html`<${KeepingActions} alert=${alert} onChange=${kept} onDeleted=${deleted} notify=${notify} />`}
      `
      }
    <//>
  `;
}

/** @param {string} uuid @param {Alert | undefined} change */
function useAlert(uuid, change) {
  const [alert, setAlert] = useState(/** @type {Alert | null} */ (null));
  const [timeline, setTimeline] = useState(/** @type {Timeline | null} */ (null));
  const [error, setError] = useState(/** @type {RequestError | null} */ (null));
  const [refreshes, setRefreshes] = useState(0);
  const unfinished = alert !== null && alert.notified_at === null;
  useEffect(() => {
    setAlert(null);
    setTimeline(null);
  }, [uuid]);
  useEffect(() => {
    const closed = new AbortController();
    Promise.all([getAlert(uuid, closed.signal), getTimeline(uuid, closed.signal)]).then(
      ([newAlert, newTimeline]) => {
        if (closed.signal.aborted) return;
        setAlert(newAlert);
        setTimeline(newTimeline);
        setError(null);
      },
      (error) => {
        if (!closed.signal.aborted) setError(asRequestError(error));
      },
    );
    return () => closed.abort();
  }, [uuid, change, refreshes]);
  useEffect(() => {
    if (!unfinished) return;
    const timer = setInterval(() => setRefreshes((n) => n + 1), REFRESH_MS);
    return () => clearInterval(timer);
  }, [unfinished, uuid]);
  const refresh = () => setRefreshes((n) => n + 1);
  useRefreshOfPicture(alert, refresh);
  return { alert, timeline, error, refresh };
}

/** Refreshes an alert less and less often while its picture is being made. @param {Alert | null} alert @param {() => void} refresh */
function useRefreshOfPicture(alert, refresh) {
  const [count, setCount] = useState(0);
  const pending = alert?.picture?.status === 'pending';
  useEffect(() => setCount(0), [alert?.uuid, pending]);
  useEffect(() => {
    if (!pending) return;
    const timer = setTimeout(() => {
      if (!document.hidden) refresh();
      setCount(count + 1);
    }, pollDelay(count));
    return () => clearTimeout(timer);
  }, [alert?.uuid, pending, count]);
}

/** @param {{ error: RequestError, uuid: string, onRetry: () => void }} props */
function LoadError({ error, uuid, onRetry }) {
  // 422: what the URL contains is not a uuid
  const notFound = error.status === 404 || error.status === 422;
  return html`
    <div class="error" role="alert">
      <p>${notFound ? html`Alert <code>${uuid}</code> not found, or your key may not see it.` : error.message}</p>
      ${!notFound && html`<button onClick=${onRetry}>Try again</button>`}
    </div>
  `;
}

/** @param {{ alert: Alert }} props */
function Resolution({ alert: { resolution, duration, codec, container, rotation } }) {
  if (resolution === null) return null;
  const seconds = duration === null ? '' : `${duration.toFixed(1)} s`;
  const properties = [codec, container, seconds, rotation ? `rotated ${rotation}°` : ''].filter(Boolean);
  return html`<p class="resolution"><b>${resolution.replace('x', ' × ')}</b> ${properties.join(' · ')}</p>`;
}

/** @param {{ alert: Alert, timeline: Timeline | null, settings: Settings }} props */
function Properties({ alert, timeline, settings }) {
  const { attempts, bytes_fetched, uuid, video, timestamp, camera, source, picture } = alert;
  const url = videoUrl(video, settings.videos);
  const beforeRetry = timeline?.attempts_before ? `, ${timeline.attempts_before} of them before a retry` : '';
  const crashes = timeline?.crashes ? `, worker crashed ${timeline.crashes}×` : '';
  return html`
    <dl>
      <dt>Recorded by camera</dt><dd><${Time} at=${new Date(timestamp * 1_000).toISOString()} withZone /></dd>
      ${camera !== null && html`<dt>Camera</dt><dd><${UntrustedText}>${camera}<//></dd>`}
      <dt>Attempts</dt><dd>${attempts}${beforeRetry}${crashes}</dd>
      ${timeline?.last_fault && alert.last_error === null && html`<dt>Last error</dt><dd><${UntrustedText}>${timeline.last_fault}<//></dd>`}
      <dt>Downloaded</dt><dd>${formatBytes(bytes_fetched)} from the video server${picture && picture.picture_bytes > 0 && `, and ${formatBytes(picture.picture_bytes)} for the picture`}</dd>
      <dt>Video</dt><dd class="mono"><${UntrustedText}>${video}<//></dd>
      ${source !== null && html`<dt>Video source</dt><dd>${source}</dd>`}
      <dt>UUID</dt><dd class="mono">${uuid}</dd>
    </dl>
    <p class="links">
      ${url !== undefined && html`<${VideoLink} href=${url}>Video file<//>`}
      <a href=${`/alerts/${uuid}`}>JSON</a>
      ${settings.allStores && (settings.doneJobs || alert.status !== 'processed') && html`<a href=${`/queues/queue/alerts/${uuid}`}>Job on Bull Board</a>`}
    </p>
  `;
}
