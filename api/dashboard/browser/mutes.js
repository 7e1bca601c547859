// Mutes: alerts of a store or with a failure code of which destinations are not notified for a while.
import { useRef, useState } from 'preact/hooks';
import { endMute } from './destination-requests.js';
import { formatNumber, UntrustedText } from './format.js';
import { html } from './html.js';
import { followLink } from './link.js';
import { MuteForm } from './mute-form.js';
import { asRequestError } from './requests.js';
import { Time } from './time.js';
import { urlOf, viewOfDestinations } from './view.js';

/** @typedef {import('./destination-requests.js').Mute} Mute */
/** @typedef {import('./destination-requests.js').Destination} Destination */

/** Shows which alerts are muted and how many deliveries that affected. @param {{ mutes: Mute[], view: import('./view.js').View, navigate: import('./view.js').Navigate }} props */
export function MuteBanner({ mutes, view, navigate }) {
  const to = viewOfDestinations(view);
  const [first] = [...mutes].sort((a, b) => (a.ends_at < b.ends_at ? -1 : 1));
  if (!first) return null;
  const muted = mutes.reduce((sum, one) => sum + one.muted, 0);
  return html`
    <p class="banner mute-banner">
      Muted: <${Subject} mute=${first} /> until <${Time} at=${first.ends_at} />${mutes.length > 1 && `, and ${mutes.length - 1} more`}.${' '}
      ${countOf(muted)}.${' '}
      <a href=${urlOf(to)} onClick=${followLink(() => navigate(to))}>Show mutes</a>
    </p>
  `;
}

/** @param {number} muted */
function countOf(muted) {
  return `${formatNumber(muted)} ${muted === 1 ? 'delivery' : 'deliveries'} not sent so far`;
}

/** @param {{ mute: Mute }} props */
function Subject({ mute: { store, failure_code } }) {
  return html`${store !== null && html`store <b><${UntrustedText}>${store}<//></b>`}${store !== null && failure_code !== null && ' with '}${failure_code !== null && html`<code>${failure_code}</code>`}`;
}

/**
 * Shows the active mutes and the form that adds one.
 * @param {{ overview: import('./destinations.js').Overview, mayManage: boolean, notify: (text: string) => void }} props
 */
export function Mutes({ overview, mayManage, notify }) {
  const [adding, setAdding] = useState(false);
  const { mutes, destinations, loaded } = overview;
  const title = useRef(/** @type {HTMLHeadingElement | null} */ (null));
  async function end(/** @type {Mute} */ { id }) {
    title.current?.focus(); // the button disappears
    try {
      await endMute(id);
      notify('Mute ended.');
    } catch (error) {
      notify(`Cannot end the mute: ${asRequestError(error).message}`);
    }
    overview.refresh();
  }
  const close = () => {
    setAdding(false);
    title.current?.focus();
  };
  const onAdded = () => {
    close();
    notify('Muted.');
    overview.refresh();
  };
  return html`
    <section class="panel mutes" aria-labelledby="mutes-title">
      <div class="list-header">
        <h2 id="mutes-title" ref=${title} tabindex="-1">Mutes</h2>
        ${mayManage && !adding && html`<button onClick=${() => setAdding(true)}>Add mute</button>`}
      </div>
      ${adding && html`<${MuteForm} destinations=${destinations} onSaved=${onAdded} onCancel=${close} />`}
      ${loaded && mutes.length === 0 && !adding && html`<p class="note">No mutes. While one is active, destinations are not notified of the alerts of a store or with a failure code; the alerts themselves are processed as usual.</p>`}
      <ul>
        ${mutes.map((mute) => html`<${MuteItem} key=${mute.id} mute=${mute} destinations=${destinations} onEnd=${mayManage && (() => end(mute))} />`)}
      </ul>
    </section>
  `;
}

/** @param {{ mute: Mute, destinations: Destination[], onEnd: false | (() => void) }} props */
function MuteItem({ mute, destinations, onEnd }) {
  const { destination, reason, created_by, ends_at, muted } = mute;
  const name = destinations.find(({ id }) => id === destination)?.name ?? destination;
  return html`
    <li>
      <p><${Subject} mute=${mute} />${name && html` for <${UntrustedText}>${name}<//>`}, until <${Time} at=${ends_at} /></p>
      <p><${UntrustedText}>${reason}<//></p>
      <p class="note">By <${UntrustedText}>${created_by}<//>. ${countOf(muted)}.</p>
      ${onEnd && html`<button onClick=${onEnd}>End now</button>`}
    </li>
  `;
}
