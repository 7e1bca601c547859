import { useEffect, useRef } from 'preact/hooks';
import { UntrustedText } from './format.js';
import { html } from './html.js';

/**
 * Shows a panel next to the list. Its title gets the focus.
 * @param {{ title: string, badge?: unknown, onClose: () => void, children?: unknown }} props
 */
export function Panel({ title, badge, onClose, children }) {
  const heading = useRef(/** @type {HTMLHeadingElement | null} */ (null));
  useEffect(() => heading.current?.focus(), []);
  return html`
    <section class="panel detail" aria-labelledby="detail-title">
      <header>
        <h2 id="detail-title" tabindex="-1" ref=${heading}><${UntrustedText}>${title}<//></h2>
        ${badge}
        <${CloseButton} onClose=${onClose} />
      </header>
      ${children}
    </section>
  `;
}

/** @param {{ onClose: () => void }} props */
export function CloseButton({ onClose }) {
  return html`<button class="quiet close" onClick=${onClose} aria-label="Close"><svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d="m4 4 8 8m0-8-8 8" /></svg></button>`;
}
