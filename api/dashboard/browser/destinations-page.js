import { useCallback, useEffect, useState } from 'preact/hooks';
import { Banners } from './banners.js';
import { DestinationDetail } from './destination-detail.js';
import { DestinationForm } from './destination-form.js';
import { DestinationList } from './destination-list.js';
import { html } from './html.js';
import { Mutes } from './mutes.js';
import { Panel } from './panel.js';
import { viewOfDestinations } from './view.js';

/** @typedef {import('./main.js').PageProps} PageProps */
/** @typedef {import('./destination-requests.js').Destination} Destination */
/** @typedef {{ id: string, value: string, note: unknown }} NewSecret A secret that is shown once; `id`: its destination. */

/** Shows the destinations, and the one that is open or else the mutes. @param {PageProps} props */
export function DestinationsPage(props) {
  const { view, navigate, settings, overview } = props;
  const [secret, showSecret] = useState(/** @type {NewSecret | null} */ (null));
  const mayManage = settings.scopes.includes('manage') && settings.allStores;
  const close = useClose(view.destination, navigate);
  return html`
    <main class=${view.destination === '' ? 'destinations' : 'destinations with-detail'}>
      <${Banners} ...${props}>
        ${overview.error && html`<p class="banner">Cannot refresh the destinations: ${overview.error.message}</p>`}
      <//>
      <section class="alerts" id="destinations" aria-labelledby="destinations-title" tabindex="-1">
        <${ListHeader} view=${view} navigate=${navigate} settings=${settings} mayManage=${mayManage} />
        <${DestinationList} overview=${overview} view=${view} navigate=${navigate} mayManage=${mayManage} />
      </section>
      <aside aria-label=${view.destination === '' ? 'Mutes' : 'Destination'}>
        <${OpenDestination} ...${props} mayManage=${mayManage} secret=${secret} showSecret=${showSecret} onClose=${close} />
        <${Mutes} overview=${overview} mayManage=${mayManage} notify=${props.notify} />
      </aside>
    </main>
  `;
}

/** @param {Pick<PageProps, 'view' | 'navigate' | 'settings'> & { mayManage: boolean }} props */
function ListHeader({ view, navigate, settings, mayManage }) {
  const add = () => navigate(viewOfDestinations(view, 'new'));
  const reason = settings.scopes.includes('manage')
    ? 'Your key is limited to some stores, so it can only show destinations.'
    : 'Your key lacks the scope manage, so it can only show destinations.';
  return html`
    <div class="list-header">
      <h2 id="destinations-title">Destinations</h2>
      ${mayManage ? html`<button class="primary" id="add-destination" onClick=${add}>Add destination</button>` : html`<p class="note">${reason}</p>`}
    </div>
  `;
}

/**
 * Shows the form of a new destination, or the destination that is open.
 * @param {PageProps & { mayManage: boolean, secret: NewSecret | null, showSecret: (secret: NewSecret | null) => void, onClose: () => void }} props
 */
function OpenDestination(props) {
  const { view, navigate, overview, mayManage, showSecret, onClose, notify } = props;
  const id = view.destination;
  const destination = overview.destinations.find((one) => one.id === id);
  if (id === '') return null;
  if (id === 'new' && mayManage) {
    const onSaved = (/** @type {Destination & { signing_secret?: string }} */ saved) => {
      if (saved.signing_secret !== undefined)
        showSecret({ id: saved.id, value: saved.signing_secret, note: 'The receiver verifies requests with it.' });
      notify('Destination added.');
      overview.refresh();
      navigate(viewOfDestinations(view, saved.id), { replace: true });
    };
    return html`<${Panel} title="Add destination" onClose=${onClose}><${DestinationForm} onSaved=${onSaved} onCancel=${onClose} /><//>`;
  }
  if (destination) return html`<${DestinationDetail} key=${id} ...${props} destination=${destination} />`;
  return html`
    <${Panel} title="Destination" onClose=${onClose}>
      ${overview.loaded ? html`<p class="error" role="alert">There is no such destination.</p>` : html`<p class="note" role="status">Loading …</p>`}
    <//>
  `;
}

/** Returns a function that closes what is open. Escape does that, too. @param {string} id @param {import('./view.js').Navigate} navigate */
function useClose(id, navigate) {
  const close = useCallback(() => {
    navigate({ destination: '', delivery_status: '' });
    requestAnimationFrame(() => {
      const row = document.querySelector(`[data-destination="${CSS.escape(id)}"] a`);
      const next = row ?? document.getElementById(id === 'new' ? 'add-destination' : 'destinations');
      if (next instanceof HTMLElement) next.focus();
    });
  }, [id, navigate]);
  useEffect(() => {
    if (id === '') return;
    const onKey = (/** @type {KeyboardEvent} */ event) => {
      // In a form, Escape would drop what the user has typed.
      if (event.key !== 'Escape' || document.querySelector('dialog[open], .destination-form')) return;
      close();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [id, close]);
  return close;
}
