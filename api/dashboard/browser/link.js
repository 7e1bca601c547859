/**
 * Returns the click handler of a link that `open` follows without loading the page again.
 * @param {() => void} open
 */
export function followLink(open) {
  return (/** @type {MouseEvent} */ event) => {
    // With these keys the browser opens the link in another tab or window.
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    open();
  };
}
