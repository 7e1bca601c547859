// A copy of a video that the browser plays, made on request.
import { useEffect, useRef, useState } from 'preact/hooks';
import { UntrustedText } from './format.js';
import { html } from './html.js';
import { copyUrl, getCopy, requestCopy } from './media-requests.js';
import { LargePicture, pictureText, pictureUrl } from './picture.js';
import { asRequestError } from './requests.js';

/** @typedef {import('./media-requests.js').Copy} Copy */
/** @typedef {import('./requests.js').Alert} Alert */

const POLL_MS = 1_000;
const MAX_POLL_MS = 15_000;

/**
 * Shows the copy of a video that the browser cannot play; without one, the picture and a button that requests a copy.
 * @param {{ alert: Alert, mayRequest: boolean, onReady: () => void }} props
 */
export function PlayableCopy({ alert, mayRequest, onReady }) {
  const { copy, error, busy, request, check } = useCopy(alert.uuid, onReady);
  const player = useFocusOnPlayer(copy);
  const [broken, setBroken] = useState(false);
  if (copy?.status === 'ready') {
    // The server may have deleted it in between.
    const onError = () => {
      setBroken(true);
      check();
    };
    const poster = alert.picture?.status === 'ready' ? pictureUrl(alert.uuid) : undefined;
    return html`
      <video ref=${player} controls muted playsinline preload="metadata" src=${copyUrl(alert.uuid)} poster=${poster} aria-label=${`Copy of the video: ${pictureText(alert)}`} onError=${onError}></video>
      ${broken && html`<p class="error" role="alert">The copy cannot be played.</p>`}
    `;
  }
  const pending = copy?.status === 'pending';
  const onClick = () => {
    setBroken(false);
    request();
  };
  return html`
    <${LargePicture} key=${alert.picture?.status} alert=${alert} />
    <div class="copy">
      ${pending && html`<${CopyProgress} progress=${copy.progress} />`}
      ${!pending && copy?.detail && html`<p class="note">No copy: <${UntrustedText}>${copy.detail}<//></p>`}
      ${copy && mayRequest && html`<button aria-disabled=${busy || pending} onClick=${onClick}>Make a playable copy</button>`}
      ${error !== '' && html`<p class="error" role="alert"><${UntrustedText}>${error}<//></p>`}
    </div>
  `;
}

/** @param {{ progress: number }} props */
function CopyProgress({ progress }) {
  const percent = Math.floor(progress * 100);
  return html`
    <p class="copy-progress">
      <progress aria-label="Progress of the copy" max="100" value=${percent}></progress>
      <span>${progress === 0 ? 'The copy waits for a worker …' : `Making a copy … ${percent} %`}</span>
    </p>
  `;
}

/** Returns the state of the copy, read again while it is being made, and a function that requests one. @param {string} uuid @param {() => void} onReady */
function useCopy(uuid, onReady) {
  const [copy, setCopy] = useState(/** @type {Copy | null} */ (null));
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const [requests, setRequests] = useState(0);
  const failures = useRef(0);
  useEffect(() => {
    const closed = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const check = async () => {
      try {
        const next = await getCopy(uuid, closed.signal);
        if (closed.signal.aborted) return;
        failures.current = 0;
        setCopy(next);
        setError('');
        if (next.status === 'ready') onReady();
        if (next.status === 'pending') timer = setTimeout(check, document.hidden ? MAX_POLL_MS : POLL_MS);
      } catch (error) {
        if (closed.signal.aborted) return;
        setError(asRequestError(error).message);
        failures.current += 1;
        timer = setTimeout(check, Math.min(POLL_MS * 2 ** failures.current, MAX_POLL_MS));
      }
    };
    check();
    return () => {
      clearTimeout(timer);
      closed.abort();
    };
  }, [uuid, requests]);
  async function request() {
    if (busy || copy?.status === 'pending') return;
    setBusy(true);
    try {
      await requestCopy(uuid);
      setError('');
      setCopy({ status: 'pending', progress: 0, detail: null });
      setRequests((n) => n + 1);
    } catch (error) {
      setError(asRequestError(error).message);
    }
    setBusy(false);
  }
  return { copy, error, busy, request, check: () => setRequests((n) => n + 1) };
}

/** Returns the ref of the player. It gets the focus if it replaces the focused button. @param {Copy | null} copy */
function useFocusOnPlayer(copy) {
  const player = useRef(/** @type {HTMLVideoElement | null} */ (null));
  const wasFocused = useRef(false);
  const ready = copy?.status === 'ready';
  if (!ready) wasFocused.current = Boolean(document.activeElement?.closest('.copy'));
  useEffect(() => {
    if (ready && wasFocused.current) player.current?.focus();
  }, [ready]);
  return player;
}
