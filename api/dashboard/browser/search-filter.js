import { useEffect, useRef, useState } from 'preact/hooks';
import { html } from './html.js';

/** @typedef {import('./view.js').View} View */
/** @typedef {import('./view.js').Navigate} Navigate */

/** Long enough for the next key of a person who types, short enough to feel immediate. */
const DEBOUNCE_MS = 300;

/**
 * Searches while the user types. The first change adds a step to the history and the following ones replace it, so that
 * one step back leaves the search.
 * @param {{ q: string, placeholder?: string, navigate: Navigate }} props
 */
export function SearchFilter({ q, placeholder = 'Store, UUID, file', navigate }) {
  const [text, setText] = useState(q);
  const timer = useRef(/** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined));
  const applied = useRef(q);
  // Not while the user types: the address then has an older text.
  useEffect(() => {
    if (q !== applied.current) setText(q);
    applied.current = q;
  }, [q]);
  useEffect(() => () => clearTimeout(timer.current), []);
  /** @param {string} value */
  function search(value) {
    clearTimeout(timer.current);
    applied.current = value.trim();
    navigate({ q: value.trim() }, { replace: q !== '' });
  }
  const onInput = (/** @type {{ currentTarget: HTMLInputElement }} */ { currentTarget: { value } }) => {
    setText(value);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => search(value), DEBOUNCE_MS);
  };
  const onSubmit = (/** @type {Event} */ event) => {
    event.preventDefault();
    search(text);
  };
  return html`
    <form onSubmit=${onSubmit}>
      <label><span>Search</span>
        <input type="search" value=${text} placeholder=${placeholder} maxlength="128" autocomplete="off" onInput=${onInput} />
      </label>
    </form>
  `;
}
