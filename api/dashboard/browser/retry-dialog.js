import { useEffect, useRef, useState } from 'preact/hooks';
import { count, Foreign, number } from './format.js';
import { html } from './html.js';
import { retryMany } from './requests.js';

/** @typedef {import('./requests.js').Filter} Filter */
/** @typedef {import('./requests.js').Redrive} Redrive */

/**
 * Asks what a retry would reach, shows it, and does it only when told to.
 * @param {{ filter: Partial<Filter>, onClose: () => void, onDone: (words: string) => void, onOpen: (uuid: string) => void }} props
 */
export function RetryDialog({ filter, onClose, onDone, onOpen }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const [plan, setPlan] = useState(/** @type {Redrive | null} */ (null));
  const [fault, setFault] = useState('');
  const [busy, setBusy] = useState(false);

  // One dialog is one question
  useEffect(() => {
    dialog.current?.showModal();
    retryMany(filter, true).then(setPlan, (error) => setFault(error.message));
  }, []);

  async function confirm() {
    setBusy(true);
    setFault('');
    try {
      const { retried, dispatch } = await retryMany(filter, false);
      const later = dispatch === 'deferred' ? '; the queue does not answer, they will follow once it does' : '';
      onDone(`${count(retried, 'alert')} retried${later}.`);
      dialog.current?.close();
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  }

  const leaveFor = (/** @type {string} */ uuid) => {
    dialog.current?.close();
    onOpen(uuid);
  };

  return html`
    <dialog ref=${dialog} onClose=${onClose} aria-labelledby="retry-title">
      <h2 id="retry-title">Retry failed alerts</h2>
      <${Question} filter=${filter} />
      ${plan === null && fault === '' && html`<p class="note" role="status">Counting …</p>`}
      ${plan && html`<${Plan} plan=${plan} onOpen=${leaveFor} />`}
      ${fault !== '' && html`<p class="fault" role="alert">${fault}</p>`}
      <div class="actions">
        <button class="quiet" onClick=${() => dialog.current?.close()}>Cancel</button>
        <button class="primary" disabled=${busy || !plan || plan.selected === 0} onClick=${confirm}>
          ${plan ? `Retry ${number(plan.selected)}` : 'Retry'}
        </button>
      </div>
    </dialog>
  `;
}

/** @param {{ filter: Partial<Filter> }} props */
function Question({ filter }) {
  return html`
    <p>
      ${filter.failure_code ? html`Failed with <code>${filter.failure_code}</code>` : 'Failed for any cause'}
      ${filter.store && html`, of the store <b><${Foreign}>${filter.store}<//></b>`}, ${filter.from || filter.to ? 'received in the period shown' : 'received at any time'}.
    </p>
  `;
}

/** @param {{ plan: Redrive, onOpen: (uuid: string) => void }} props */
function Plan({ plan, onOpen }) {
  if (plan.matched === 0) return html`<p role="status">None is failed any more: there is nothing to retry.</p>`;
  return html`
    <p role="status">
      <b>${count(plan.matched, 'alert')}</b> ${plan.matched === 1 ? 'matches' : 'match'}.
      ${plan.selected < plan.matched && ` The ${number(plan.selected)} received first are retried now; ask again for the rest.`}
      ${' '}Each gets a new round of attempts and a notification of its own; they start at 50 a second.
    </p>
    <p class="note">Among them:</p>
    <ul class="sample">
      ${plan.sample.map((uuid) => html`<li><button class="link mono" onClick=${() => onOpen(uuid)}>${uuid}</button></li>`)}
    </ul>
  `;
}
