// Stores and cameras that have sent no alert for longer than usual.
import { useEffect, useState } from 'preact/hooks';
import { formatAge, formatNumber, UntrustedText } from './format.js';
import { html } from './html.js';
import { followLink } from './link.js';
import { send } from './requests.js';
import { Time } from './time.js';
import { NO_FILTER, urlOf } from './view.js';

/** @typedef {import('zod').infer<typeof import('../../alerts/silence-schema.ts').silencePageSchema>} SilencePage */
/** @typedef {SilencePage['data'][number]} Silence */
/** @typedef {{ view: import('./view.js').View, navigate: import('./view.js').Navigate }} Props */

const POLL_MS = 15_000;
const MAX_LISTED = 200;
/** More are listed only on request. */
const MAX_SHOWN = 3;

/** Warns of silent stores and cameras; renders nothing while there are none. @param {Props} props */
export function SilenceBanner(props) {
  const silences = useSilences();
  const [first] = silences;
  if (!first) return null;
  if (silences.length <= MAX_SHOWN) {
    return html`
      <div class="banner silences">
        ${silences.map((silence) => html`<p key=${silence.id}><${Sentence} silence=${silence} ...${props} /></p>`)}
      </div>
    `;
  }
  const count = silences.length === MAX_LISTED ? `${MAX_LISTED} or more` : formatNumber(silences.length);
  return html`
    <details class="banner silences">
      <summary><b>${count} stores or cameras</b> have sent no alert for longer than usual.</summary>
      <ul>
        ${silences.map((silence) => html`<li key=${silence.id}><${Sentence} silence=${silence} ...${props} /></li>`)}
      </ul>
    </details>
  `;
}

/** @param {Props & { silence: Silence }} props */
function Sentence({ silence, view, navigate }) {
  const { store, camera, since, expected } = silence;
  const age = formatAge(Math.max(0, Date.now() - Date.parse(since)));
  return html`
    ${store === null ? html`<b>Nearly all stores</b> have` : html`<${StoreLink} store=${store} view=${view} navigate=${navigate} />${camera !== null && html`, camera <b><${UntrustedText}>${camera}<//></b>,`} has`}${' '}
    sent no alert since <${Time} at=${since} /> (${age} ago); usual are about ${formatNumber(Math.round(expected))} in the time until it was reported.
  `;
}

/** Shows all alerts of the store. @param {Props & { store: string }} props */
function StoreLink({ store, view, navigate }) {
  const to = { ...view, ...NO_FILTER, view: /** @type {const} */ (''), range: 'all', alert: '', store };
  return html`<a href=${urlOf(to)} onClick=${followLink(() => navigate(to))}><${UntrustedText}>${store}<//></a>`;
}

/** Returns the open silences, and keeps them up to date. A response that does not arrive changes nothing. @returns {Silence[]} */
function useSilences() {
  const [silences, setSilences] = useState(/** @type {Silence[]} */ ([]));
  useEffect(() => {
    const closed = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    async function refresh() {
      if (!document.hidden) {
        // A lost connection has a banner of its own.
        const page = await send(`/silences?limit=${MAX_LISTED}`, { signal: closed.signal }).catch(() => undefined);
        if (closed.signal.aborted) return;
        if (page) setSilences(page.data);
      }
      timer = setTimeout(refresh, POLL_MS);
    }
    refresh();
    return () => {
      closed.abort();
      clearTimeout(timer);
    };
  }, []);
  return silences;
}
