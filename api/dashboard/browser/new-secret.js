import { useRef, useState } from 'preact/hooks';
import { html } from './html.js';

/** Shows a secret that the API returns only once. @param {{ secret: import('./destinations-page.js').NewSecret, onDone: () => void }} props */
export function NewSecretBox({ secret, onDone }) {
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const [message, setMessage] = useState('');
  async function copy() {
    input.current?.select();
    // Over plain HTTP browsers have no clipboard API; the text is selected then, so that a key press copies it.
    try {
      await navigator.clipboard.writeText(secret.value);
      setMessage('Copied.');
    } catch {
      setMessage('Selected. Press Ctrl+C to copy it.');
    }
  }
  const done = () => {
    document.getElementById('detail-title')?.focus(); // the button disappears
    onDone();
  };
  return html`
    <div class="failure-box over new-secret">
      <label for="new-secret"><b>Signing secret</b></label>
      <p>It is shown only now. ${secret.note}</p>
      <input id="new-secret" ref=${input} class="mono" readonly value=${secret.value} />
      <div class="actions">
        <span class="note" role="status">${message}</span>
        <button onClick=${copy}>Copy</button>
        <button class="primary" onClick=${done}>Done</button>
      </div>
    </div>
  `;
}
