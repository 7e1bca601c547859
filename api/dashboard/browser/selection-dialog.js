// The dialog of an action on the selected alerts: what it will do, its progress, and the result of each alert.
import { useEffect, useRef, useState } from 'preact/hooks';
import { formatCount, formatNumber, UntrustedText } from './format.js';
import { html } from './html.js';
import { ACTIONS } from './selection-actions.js';

/** @typedef {import('./requests.js').Alert} Alert */
/** @typedef {import('./selection-actions.js').Action} Action */
/** @typedef {{ alert: Alert, error: string }} Result error: '' if the action succeeded */

const MAX_SHOWN = 200;

/**
 * Runs an action on the selected alerts after a confirmation.
 * @param {{ name: keyof typeof ACTIONS, alerts: Alert[], onClose: () => void }} props alerts: the selected ones, as they were when the
 *   dialog was opened
 */
export function SelectionDialog({ name, alerts, onClose }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const action = ACTIONS[name];
  const suitable = action.suitable(alerts);
  const { results, running, start } = useRun(action);
  useEffect(() => dialog.current?.showModal(), []);
  const failed = results.filter(({ error }) => error !== '').map(({ alert }) => alert);
  const waiting = results.length === 0 && !running;
  const finished = results.length > 0 && !running;
  return html`
    <dialog ref=${dialog} onClose=${onClose} aria-labelledby="selection-title">
      <h2 id="selection-title">${action.verb} the selected alerts</h2>
      ${waiting && action.preview(suitable.length, alerts.length - suitable.length)}
      ${
        running &&
        html`<p role="status">${formatNumber(results.length)} of ${formatNumber(running.length)} …</p>
        <progress aria-label="Progress" max=${running.length} value=${results.length}></progress>`
      }
      ${finished && html`<${Results} results=${results} done=${action.done} />`}
      <div class="actions">
        <button class="quiet" onClick=${() => dialog.current?.close()}>${waiting ? 'Cancel' : running ? 'Stop' : 'Close'}</button>
        ${waiting && html`<button class="primary" onClick=${() => start(suitable)}>${action.verb} ${formatNumber(suitable.length)}</button>`}
        ${finished && failed.length > 0 && html`<button class="primary" onClick=${() => start(failed)}>Try ${formatNumber(failed.length)} again</button>`}
      </div>
    </dialog>
  `;
}

/** @param {{ results: Result[], done: string }} props */
function Results({ results, done }) {
  const failed = results.filter(({ error }) => error !== '');
  // Errors first: they need attention.
  const shown = [...failed, ...results.filter(({ error }) => error === '')].slice(0, MAX_SHOWN);
  return html`
    <p role="status">
      <b>${formatCount(results.length - failed.length, 'alert')}</b> ${done}${failed.length > 0 && html`, <b class="failure">${formatNumber(failed.length)}</b> not`}.
    </p>
    <ul class="sample results" tabindex="0" aria-label="Results">
      ${shown.map(
        ({ alert: { uuid, store }, error }) => html`
        <li key=${uuid}><${UntrustedText}>${store}<//> <code>${uuid.slice(0, 8)}</code> ${error === '' ? done : html`<span class="failure">${error}</span>`}</li>
      `,
      )}
    </ul>
    ${results.length > shown.length && html`<p class="note">And ${formatNumber(results.length - shown.length)} more: ${done}.</p>`}
  `;
}

/**
 * Returns the results so far, the alerts of the run in progress, and a function that starts one. Closing the dialog stops it.
 * @param {Action} action
 */
function useRun(action) {
  const [results, setResults] = useState(/** @type {Result[]} */ ([]));
  const [running, setRunning] = useState(/** @type {Alert[] | null} */ (null));
  const [closed] = useState(() => new AbortController());
  useEffect(() => () => closed.abort(), []);
  const [run] = useState(() => action.createRun());
  async function start(/** @type {Alert[]} */ alerts) {
    setRunning(alerts);
    setResults([]);
    await run(alerts, closed.signal, (more) => {
      if (!closed.signal.aborted) setResults((others) => [...others, ...more]);
    });
    if (!closed.signal.aborted) setRunning(null);
  }
  return { results, running, start };
}
