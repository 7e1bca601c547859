import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { FAILURE_CODES } from './failure-codes.js';
import { UntrustedText } from './format.js';
import { html } from './html.js';
import { RequestError, retryAlert } from './requests.js';
import { newRetryKey } from './retry-key.js';

/** @typedef {import('./requests.js').Alert} Alert */
/** @typedef {'none' | 'sending' | 'queued' | 'failed again' | 'succeeded'} RetryState */

/**
 * Shows why an alert failed, what that means, a retry button, and the result of the retry.
 * @param {{ alert: Alert, mayRetry: boolean, onChange: () => void, notify: (text: string) => void }} props
 */
export function FailureBox({ alert, mayRetry, onChange, notify }) {
  const [error, setError] = useState('');
  const { state, send } = useRetry(alert);
  const { button, message } = useFocusAfterButton();
  const { failure, archived } = alert;
  if (failure === null && state === 'none') return null;
  const busy = state === 'sending' || state === 'queued';
  async function retry() {
    if (busy) return;
    setError('');
    try {
      await send();
    } catch (error) {
      const text = `Retry failed: ${error instanceof Error ? error.message : error}`;
      // 409: someone else has retried it. Its new state replaces this box.
      if (error instanceof RequestError && error.status === 409) notify(text);
      else setError(text);
    }
    onChange();
  }
  // The button stays while the retry runs, disabled for assistive technology only: so it keeps the focus.
  return html`
    <div class=${state === 'succeeded' || (busy && !failure) ? 'failure-box over' : 'failure-box'}>
      ${failure && html`<${Failure} failure=${failure} again=${state === 'failed again'} archived=${archived} />`}
      ${mayRetry && !archived && state !== 'succeeded' && html`<button ref=${button} class="primary" aria-disabled=${busy} onClick=${retry}>Retry this alert</button>`}
      <p ref=${message} role="status" tabindex="-1">${messageOf(state, failure)}</p>
      ${error !== '' && html`<p class="error" role="alert">${error}</p>`}
    </div>
  `;
}

/** @param {RetryState} state @param {Alert['failure']} failure */
function messageOf(state, failure) {
  if (state === 'queued') return 'Retry queued.';
  if (state === 'succeeded') return 'The retry succeeded.';
  if (state !== 'failed again' || !failure) return '';
  return html`Retry failed again: <${UntrustedText}>${failure.detail}<//>`;
}

/** @param {{ failure: NonNullable<Alert['failure']>, again: boolean, archived: boolean }} props archived: nothing can be done */
function Failure({ failure, again, archived }) {
  const { meaning, action } = FAILURE_CODES[failure.code];
  return html`
    <p><code>${failure.code}</code></p>
    ${!again && html`<p class="failure-detail"><${UntrustedText}>${failure.detail}<//></p>`}
    <p>${meaning} ${!archived && action}</p>
  `;
}

/** Returns the state of the last retry that was sent here, and a function that sends one. @param {Alert} alert */
function useRetry({ uuid, status, processed_at }) {
  const [sending, setSending] = useState(false);
  /** When the failure was recorded that the retry is about; a later one is the retry's own. */
  const [retried, setRetried] = useState(/** @type {string | null} */ (null));
  /** One for each failure: a click after a lost response repeats the request. @type {string} */
  const key = useMemo(newRetryKey, [uuid, processed_at]);
  async function send() {
    setSending(true);
    try {
      await retryAlert(uuid, key);
      setRetried(processed_at);
    } finally {
      setSending(false);
    }
  }
  const isNewResult = processed_at !== null && processed_at !== retried;
  /** @type {RetryState} */
  let state = 'none';
  if (sending) state = 'sending';
  else if (retried !== null && !isNewResult) state = 'queued';
  else if (retried !== null) state = status === 'failed' ? 'failed again' : 'succeeded';
  return { state, send };
}

/** Returns refs; the message gets the focus if it replaces the focused button. */
function useFocusAfterButton() {
  const button = useRef(/** @type {HTMLButtonElement | null} */ (null));
  const message = useRef(/** @type {HTMLElement | null} */ (null));
  const focused = button.current !== null && document.activeElement === button.current;
  useLayoutEffect(() => {
    if (focused && button.current === null) message.current?.focus();
  });
  return { button, message };
}
