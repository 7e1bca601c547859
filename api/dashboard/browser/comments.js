import { useEffect, useState } from 'preact/hooks';
import { formatCount, UntrustedText } from './format.js';
import { html } from './html.js';
import { asRequestError } from './requests.js';
import { Time } from './time.js';
import { needsWork } from './triage-badge.js';
import { addComment, listComments } from './triage-requests.js';

/** @typedef {import('./requests.js').Alert} Alert */
/** @typedef {import('./triage-requests.js').Comment} Comment */

const MAX_LENGTH = 2_000;

/**
 * Shows the comments of an alert, and a form that adds one. Collapsed if there is none and nothing is to be done.
 * @param {{ alert: Alert, mayOperate: boolean, onChange: () => void }} props
 */
export function Comments({ alert, mayOperate, onChange }) {
  const count = alert.triage?.comments ?? 0;
  const { comments, error } = useComments(alert.uuid, count);
  if (count === 0 && !mayOperate) return null;
  return html`
    <details class="comments" open=${count > 0 || needsWork(alert)}>
      <summary>${count === 0 ? 'Comments' : formatCount(count, 'comment')}</summary>
      ${error !== '' && html`<p class="error" role="alert">Cannot load the comments: ${error}</p>`}
      ${comments.length > 0 && html`<ol>${comments.map((comment) => html`<${CommentItem} key=${comment.number} comment=${comment} />`)}</ol>`}
      ${mayOperate && html`<${CommentForm} uuid=${alert.uuid} onChange=${onChange} />`}
    </details>
  `;
}

/** Returns the comments, read again when their number changes. @param {string} uuid @param {number} count */
function useComments(uuid, count) {
  const [comments, setComments] = useState(/** @type {Comment[]} */ ([]));
  const [error, setError] = useState('');
  useEffect(() => {
    if (count === 0) return;
    const closed = new AbortController();
    listComments(uuid, closed.signal).then(
      ({ data }) => {
        setComments(data);
        setError('');
      },
      (error) => {
        if (!closed.signal.aborted) setError(asRequestError(error).message);
      },
    );
    return () => closed.abort();
  }, [uuid, count]);
  return { comments, error };
}

/** @param {{ comment: Comment }} props */
function CommentItem({ comment: { author, created_at, text } }) {
  return html`
    <li>
      <p class="note"><b><${UntrustedText}>${author}<//></b>, <${Time} at=${created_at} /></p>
      ${text.split('\n').map((line) => (line === '' ? html`<br />` : html`<p><${UntrustedText}>${line.replaceAll('\t', '  ')}<//></p>`))}
    </li>
  `;
}

/** @param {{ uuid: string, onChange: () => void }} props */
function CommentForm({ uuid, onChange }) {
  const [text, setText] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState('');
  async function submit(/** @type {Event} */ event) {
    event.preventDefault();
    if (busy || text.trim() === '') return;
    setBusy(true);
    setError('');
    try {
      await addComment(uuid, text);
      setText('');
      onChange();
    } catch (error) {
      setError(asRequestError(error).message);
    }
    setBusy(false);
  }
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    // Escape would close the alert, and with it what was written.
    if (event.key === 'Escape' && text !== '') event.stopPropagation();
  };
  return html`
    <form onSubmit=${submit} aria-busy=${busy}>
      <label><span class="visually-hidden">New comment</span>
        <textarea rows="2" maxlength=${MAX_LENGTH} value=${text} placeholder="What was found, what is done" onKeyDown=${onKey}
          onInput=${(/** @type {{ currentTarget: HTMLTextAreaElement }} */ e) => setText(e.currentTarget.value)}></textarea>
      </label>
      ${error !== '' && html`<p class="error" role="alert">${error}</p>`}
      <button aria-disabled=${busy || text.trim() === ''}>Add comment</button>
    </form>
  `;
}
