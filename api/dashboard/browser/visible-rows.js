import { useLayoutEffect, useState } from 'preact/hooks';

/** @typedef {import('./alert-table.js').AlertList} AlertList */

/** Rows above and below the visible ones, so that a key press or a fast scroll finds them rendered. */
const OVERSCAN_ROWS = 12;
/** Distance from the last row at which the next page is loaded. */
const LOAD_AHEAD_ROWS = 60;
/** Below this scroll position the user is reading: new alerts do not move the list. */
const READING_PX = 80;

/**
 * Returns the range of rows to render and the height of a row. Also loads the next page near the end of the list, and
 * pauses the list while the user reads further down.
 * @param {{ current: HTMLDivElement | null }} body
 * @param {AlertList} list
 * @param {string} look changes whenever the height of a row may change
 */
export function useVisibleRows(body, list, look) {
  const [range, setRange] = useState({ first: 0, last: 60, height: 40 });
  useLayoutEffect(() => {
    let frame = 0;
    const update = () => {
      frame = 0;
      if (!body.current) return;
      const height = Number.parseFloat(getComputedStyle(body.current).getPropertyValue('--row-height')) || 40;
      const above = -body.current.getBoundingClientRect().top;
      const first = Math.max(0, Math.min(Math.floor(above / height) - OVERSCAN_ROWS, list.rows.length - 1));
      const visibleEnd = Math.max(0, Math.ceil((above + innerHeight) / height));
      const last = Math.min(list.rows.length, visibleEnd + OVERSCAN_ROWS);
      setRange((old) =>
        old.first === first && old.last === last && old.height === height ? old : { first, last, height },
      );
      list.setPaused(above > READING_PX);
      // Sorted by the page, the alerts of the next page would appear between the rows that are being read.
      const loadsByItself = list.error === null && list.sortedBy === '';
      if (loadsByItself && last > list.rows.length - LOAD_AHEAD_ROWS) list.loadMore();
    };
    const schedule = () => {
      frame ||= requestAnimationFrame(update);
    };
    update();
    addEventListener('scroll', schedule, { passive: true });
    addEventListener('resize', schedule);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener('scroll', schedule);
      removeEventListener('resize', schedule);
    };
  }, [body, list, list.rows, look]);
  return {
    ...range,
    last: Math.min(range.last, list.rows.length),
    first: Math.min(range.first, Math.max(0, list.rows.length - 1)),
  };
}
