import { useEffect, useState } from 'preact/hooks';
import { Comments } from './comments.js';
import { UntrustedText } from './format.js';
import { html } from './html.js';
import { asRequestError } from './requests.js';
import { SETTINGS } from './settings.js';
import { Time } from './time.js';
import { needsWork } from './triage-badge.js';
import { changeTriage } from './triage-requests.js';

/** @typedef {import('./requests.js').Alert} Alert */
/** @typedef {{ currentTarget: HTMLInputElement }} InputEvent */

/** The length of a key's name. */
const MAX_NAME = 100;

/**
 * Shows who has acknowledged an alert, who works on it, and the comments.
 * @param {{ alert: Alert, mayOperate: boolean, onChange: () => void, notify: (text: string) => void }} props
 */
export function TriageBox({ alert, mayOperate, onChange, notify }) {
  const { uuid, triage } = alert;
  const [error, setError] = useState('');
  useEffect(() => setError(''), [uuid]);
  /** @param {{ acknowledged?: boolean, assignee?: string | null }} change @param {string} done */
  async function change(change, done) {
    setError('');
    try {
      await changeTriage(uuid, change);
      notify(done);
    } catch (error) {
      setError(asRequestError(error).message);
    }
    onChange();
  }
  const used = triage !== null && (triage.acknowledged_at !== null || triage.assignee !== null);
  const shown = used || (needsWork(alert) && mayOperate);
  return html`
    <section class="triage" aria-label="Triage">
      ${shown && html`<${Acknowledgement} triage=${triage} mayOperate=${mayOperate} change=${change} />`}
      ${shown && html`<${Assignee} key=${uuid} assignee=${triage?.assignee ?? null} mayOperate=${mayOperate} change=${change} />`}
      ${error !== '' && html`<p class="error" role="alert">${error}</p>`}
      <${Comments} key=${uuid} alert=${alert} mayOperate=${mayOperate} onChange=${onChange} />
    </section>
  `;
}

/** @typedef {(change: { acknowledged?: boolean, assignee?: string | null }, done: string) => Promise<void>} Change */

/** The button is the same element before and after the click, so that it keeps the focus. @param {{ triage: Alert['triage'], mayOperate: boolean, change: Change }} props */
function Acknowledgement({ triage, mayOperate, change }) {
  const at = triage?.acknowledged_at ?? null;
  const toggle = () => change({ acknowledged: at === null }, at === null ? 'Acknowledged.' : 'No longer acknowledged.');
  return html`
    <div class="triage-row">
      <p>${
        at === null
          ? 'Not acknowledged.'
          : html`Acknowledged by <b><${UntrustedText}>${triage?.acknowledged_by ?? ''}<//></b>, <${Time} at=${at} />.`
      }</p>
      ${mayOperate && html`<button class=${at === null ? 'primary' : ''} onClick=${toggle}>${at === null ? 'Acknowledge' : 'Reopen'}</button>`}
    </div>
  `;
}

/** Saves the name on Enter or blur. @param {{ assignee: string | null, mayOperate: boolean, change: Change }} props */
function Assignee({ assignee, mayOperate, change }) {
  const [text, setText] = useState(assignee ?? '');
  useEffect(() => setText(assignee ?? ''), [assignee]);
  if (!mayOperate)
    return html`<p>${assignee === null ? 'Assigned to nobody.' : html`Assigned to <b><${UntrustedText}>${assignee}<//></b>.`}</p>`;
  function assign(/** @type {string} */ name) {
    const next = name.trim() === '' ? null : name.trim();
    if (next !== assignee)
      void change({ assignee: next }, next === null ? 'Assigned to nobody.' : `Assigned to ${next}.`);
  }
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    assign(text);
  };
  const mine = assignee === SETTINGS.name;
  return html`
    <form class="triage-row" onSubmit=${submit}>
      <label><span>Assignee</span>
        <input value=${text} maxlength=${MAX_NAME} placeholder="Nobody" autocomplete="off" spellcheck=${false}
          onInput=${(/** @type {InputEvent} */ e) => setText(e.currentTarget.value)} onChange=${() => assign(text)} />
      </label>
      <button type="button" aria-disabled=${mine} onClick=${() => assign(SETTINGS.name)}>${mine ? 'Assigned to me' : 'Assign to me'}</button>
    </form>
  `;
}
