import { useEffect, useRef, useState } from 'preact/hooks';
import { html } from './html.js';

/**
 * Shows a button that opens a panel below it. Escape, Tab out of it and a click elsewhere close it; Escape returns the focus
 * to the button.
 * @param {{ label: unknown, title: string, className?: string, children?: unknown }} props title: the accessible name
 */
export function Menu({ label, title, className = '', children }) {
  const [open, setOpen] = useState(false);
  const root = useRef(/** @type {HTMLDivElement | null} */ (null));
  const button = useRef(/** @type {HTMLButtonElement | null} */ (null));
  useEffect(() => {
    if (!open) return;
    const onPointer = (/** @type {Event} */ event) => {
      if (event.target instanceof Node && !root.current?.contains(event.target)) setOpen(false);
    };
    addEventListener('pointerdown', onPointer);
    addEventListener('focusin', onPointer);
    return () => {
      removeEventListener('pointerdown', onPointer);
      removeEventListener('focusin', onPointer);
    };
  }, [open]);
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== 'Escape' || !open) return;
    // Escape would also close the alert that is open.
    event.stopPropagation();
    setOpen(false);
    button.current?.focus();
  };
  return html`
    <div class=${`menu ${className}`} ref=${root} onKeyDown=${onKey}>
      <button ref=${button} type="button" class="quiet" aria-expanded=${open} aria-label=${title} title=${title} onClick=${() => setOpen(!open)}>${label}</button>
      ${open && html`<div class="menu-panel" role="group" aria-label=${title}>${children}</div>`}
    </div>
  `;
}
