// Decides which of the browser's hidden pages keeps its event stream.

/** @typedef {(visible: AbortSignal, close: () => void, open: () => void) => void} WhileHidden visible: aborts when the page is visible again */

const LOCK = 'hidden-stream';

/**
 * Closes the stream of this hidden page, except while it holds the lock that one hidden page of the browser has. When that one
 * is closed or visible, the next page opens its stream again.
 * @type {WhileHidden}
 */
export function keepOneStream(visible, close, open) {
  let held = false;
  navigator.locks
    .request(LOCK, { signal: visible }, async () => {
      held = true;
      open();
      await new Promise((resolve) => visible.addEventListener('abort', resolve, { once: true }));
    })
    // The page became visible while it waited for the lock.
    .catch(() => {});
  // A free lock is granted at once: then the stream stays open.
  navigator.locks.query().then(() => {
    if (!held && !visible.aborted) close();
  });
}

/** @type {WhileHidden} */
export const closeStream = (_visible, close) => close();

/**
 * Returns what a hidden page does with its stream. Browsers have locks only on HTTPS and localhost; elsewhere only a page with
 * the sound, which the operator has switched on, keeps its stream.
 * @param {{ title: boolean, sound: boolean, desktop: boolean }} settings
 * @returns {WhileHidden}
 */
export function whileHiddenFor({ title, sound, desktop }) {
  if (!title && !sound && !desktop) return closeStream;
  if (navigator.locks) return keepOneStream;
  return sound ? () => {} : closeStream;
}
