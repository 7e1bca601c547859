import { useLayoutEffect, useRef, useState } from 'preact/hooks';

/** @typedef {import('./requests.js').Alert} Alert */
/** @typedef {import('./selection.js').Selection} Selection */

/**
 * Handles the keys that move the focus and select rows. Tab reaches one row only, so that it also leaves the list in one step.
 * @param {{ current: HTMLDivElement | null }} body
 * @param {Alert[]} rows
 * @param {string} opened the uuid of the alert that is open
 * @param {{ first: number, last: number, height: number }} rendered
 * @param {Selection | null} selection null: rows cannot be selected
 */
export function useRowNavigation(body, rows, opened, { first, last, height }, selection) {
  const [focused, onFocus] = useState('');
  const pendingFocus = useRef('');
  const focusRow = Math.max(
    0,
    rows.findIndex(({ uuid }) => uuid === (focused || opened)),
  );
  // A distant row exists only after the page has scrolled to it and rendered.
  useLayoutEffect(() => {
    if (pendingFocus.current === '') return;
    const row = body.current?.querySelector(`[data-uuid="${pendingFocus.current}"] a`);
    if (!(row instanceof HTMLElement)) return;
    pendingFocus.current = '';
    row.focus();
  });
  /** @param {KeyboardEvent} event */
  function onKey(event) {
    if (selectByKey(event)) return event.preventDefault();
    const page = Math.max(1, Math.floor(innerHeight / height) - 4);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -rows.length, End: rows.length };
    const step = new Map(Object.entries(steps)).get(event.key);
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const index = Math.min(rows.length - 1, Math.max(0, focusRow + step));
    const next = rows[index];
    if (!next || !body.current) return;
    if (event.shiftKey && selection) selection.extend(rows[focusRow]?.uuid ?? next.uuid, next.uuid);
    pendingFocus.current = next.uuid;
    onFocus(next.uuid);
    if (index >= first && index < last) return;
    const top = body.current.getBoundingClientRect().top + scrollY;
    scrollTo({ top: top + index * height - innerHeight / 2, behavior: 'instant' });
  }
  /** Returns whether the key selects rows. @param {KeyboardEvent} event */
  function selectByKey({ key, ctrlKey, metaKey, shiftKey, target }) {
    const row = rows[focusRow];
    if (!selection || !row) return false;
    if ((ctrlKey || metaKey) && key === 'a') selection.selectAll();
    // A checkbox handles the key by itself.
    else if (key === ' ' && !(target instanceof HTMLInputElement)) selection.toggle(row.uuid, shiftKey);
    else return false;
    return true;
  }
  return { focusRow, onKey, onFocus };
}
