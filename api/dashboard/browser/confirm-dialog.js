import { useEffect, useRef, useState } from 'preact/hooks';
import { html } from './html.js';
import { asRequestError } from './requests.js';

/**
 * Shows a dialog that runs an action after confirmation, and closes when it has succeeded.
 * @param {{ title: string, action: string, disabled?: boolean, run: () => Promise<unknown>, onClose: () => void, children?: unknown }} props
 */
export function ConfirmDialog({ title, action, disabled = false, run, onClose, children }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);
  async function confirm() {
    setBusy(true);
    setError('');
    try {
      await run();
      dialog.current?.close();
    } catch (error) {
      setError(asRequestError(error).message);
      setBusy(false);
    }
  }
  return html`
    <dialog ref=${dialog} onClose=${onClose} aria-labelledby="dialog-title">
      <h2 id="dialog-title">${title}</h2>
      ${children}
      ${error !== '' && html`<p class="error" role="alert">${error}</p>`}
      <div class="actions">
        <button class="quiet" onClick=${() => dialog.current?.close()}>Cancel</button>
        <button class="primary" disabled=${busy || disabled} onClick=${confirm}>${action}</button>
      </div>
    </dialog>
  `;
}
