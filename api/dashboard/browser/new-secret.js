import { useRef, useState } from 'preact/hooks';
import { UntrustedText } from './format.js';
import { html } from './html.js';

/**
 * Shows a secret that the API returns only once. `focusAfter`: the id of the element that gets the focus when the box is closed.
 * @param {{ secret: import('./destinations-page.js').NewSecret, label?: string, focusAfter?: string, onDone: () => void }} props
 */
export function NewSecretBox({ secret, label = 'Signing secret', focusAfter = 'detail-title', onDone }) {
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
    document.getElementById(focusAfter)?.focus(); // the button disappears
    onDone();
  };
  return html`
    <div class="failure-box over new-secret">
      <label for="new-secret"><b><${UntrustedText}>${label}<//></b></label>
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
