// A virtual list: the document contains only the rows that are visible.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { ARCHIVED, ArchivedBadge } from './archived-badge.js';
import { formatAge, formatDuration, UntrustedText, withVisibleCharacters } from './format.js';
import { HELD, HeldBadge } from './hold-box.js';
import { html } from './html.js';
import { followLink } from './link.js';
import { WaitingCell } from './outage.js';
import { usePendingPictures } from './pending-pictures.js';
import { PictureCell } from './picture.js';
import { Status } from './status.js';
import { Time, zoneName } from './time.js';
import { TriageBadge, triageTitle } from './triage-badge.js';

/** @typedef {import('./requests.js').Alert} Alert */
/** @typedef {ReturnType<typeof import('./alert-list.js').createAlertList>} AlertList */

/** Title and CSS class. */
const PICTURE_COLUMN = ['Picture', 'picture'];
const COLUMNS = [
  ['Status', 'status-cell'],
  ['Store', 'store'],
  ['Result', 'result'],
  ['Codec', 'codec'],
  ['Received', 'received'],
  ['Duration', 'duration'],
  ['Received (ago)', 'age'],
];
/** Rows above and below the visible ones, so that a key press or a fast scroll finds them rendered. */
const OVERSCAN_ROWS = 12;
/** Distance from the last row at which the next page is loaded. */
const LOAD_AHEAD_ROWS = 60;
/** Below this scroll position the user is reading: new alerts do not move the list. */
const READING_PX = 80;

/**
 * @param {{ list: AlertList, pictures: boolean, selected: string, urlOfAlert: (uuid: string) => string, onOpen: (uuid: string) => void }} props
 */
export function AlertTable({ list, pictures, selected, urlOfAlert, onOpen }) {
  const body = useRef(/** @type {HTMLDivElement | null} */ (null));
  const { first, last, height } = useVisibleRows(body, list, pictures);
  const { focusRow, onKey, onFocus } = useRowNavigation(body, list.rows, selected, { first, last, height });
  const now = useNow();
  const { rows } = list;
  const columns = pictures ? [PICTURE_COLUMN, ...COLUMNS] : COLUMNS;
  usePendingPictures(rows.slice(first, last), pictures, list.setPictures);

  return html`
    <div class=${pictures ? 'table with-pictures' : 'table'} role="table" aria-label="Alerts, newest first" aria-describedby="keys" aria-rowcount=${list.hasMore ? -1 : rows.length + 1} aria-busy=${list.loading}>
      <p id="keys" hidden>Move through the list with the arrow keys, Page Up, Page Down, Home and End. Enter opens an alert, Escape closes it.</p>
      <div role="rowgroup" class="head">
        <div role="row" class="row" aria-rowindex="1">
          ${columns.map(([name, className]) => html`<span role="columnheader" class=${className}>${className === 'received' ? `${name} (${zoneName()})` : name}</span>`)}
        </div>
      </div>
      <div role="rowgroup" ref=${body} onKeyDown=${onKey} class="body" style=${{ paddingTop: `${first * height}px`, paddingBottom: `${(rows.length - last) * height}px` }}>
        ${rows.slice(first, last).map(
          (alert, n) => html`
            <${Row} key=${alert.uuid} alert=${alert} pictures=${pictures} index=${first + n + 2} now=${now} selected=${alert.uuid === selected}
              focusable=${first + n === focusRow || (n === 0 && (focusRow < first || focusRow >= last))} url=${urlOfAlert(alert.uuid)} onOpen=${onOpen} onFocus=${onFocus} />
          `,
        )}
      </div>
    </div>
  `;
}

/**
 * Handles the keys that move the focus. Tab reaches one row only, so that it also leaves the list in one step.
 * @param {{ current: HTMLDivElement | null }} body
 * @param {Alert[]} rows
 * @param {string} selected
 * @param {{ first: number, last: number, height: number }} rendered
 */
function useRowNavigation(body, rows, selected, { first, last, height }) {
  const [focused, onFocus] = useState('');
  const pendingFocus = useRef('');
  const focusRow = Math.max(
    0,
    rows.findIndex(({ uuid }) => uuid === (focused || selected)),
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
    const page = Math.max(1, Math.floor(innerHeight / height) - 4);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -rows.length, End: rows.length };
    const step = new Map(Object.entries(steps)).get(event.key);
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const index = Math.min(rows.length - 1, Math.max(0, focusRow + step));
    const next = rows[index];
    if (!next || !body.current) return;
    pendingFocus.current = next.uuid;
    onFocus(next.uuid);
    if (index >= first && index < last) return;
    const top = body.current.getBoundingClientRect().top + scrollY;
    scrollTo({ top: top + index * height - innerHeight / 2, behavior: 'instant' });
  }
  return { focusRow, onKey, onFocus };
}

/**
 * @param {{ alert: Alert, pictures: boolean, index: number, now: number, selected: boolean, focusable: boolean, url: string,
 *   onOpen: (uuid: string) => void, onFocus: (uuid: string) => void }} props
 */
function Row({ alert, pictures, index, now, selected, focusable, url, onOpen, onFocus }) {
  const { uuid, status, store, resolution, codec, failure, received_at, round_started_at, processed_at } = alert;
  const open = followLink(() => onOpen(uuid));
  const result = failure ? failure.code : (resolution?.replace('x', ' × ') ?? '');
  return html`
    <div role="row" class=${selected ? 'row selected' : 'row'} aria-rowindex=${index} data-uuid=${uuid}>
      ${pictures && html`<${PictureCell} alert=${alert} onOpen=${() => onOpen(uuid)} />`}
      <span role="cell" class="status-cell"><${Status} status=${status} /></span>
      <span role="cell" class="store">
        <a href=${url} tabindex=${focusable ? 0 : -1} aria-current=${selected ? 'true' : undefined} onClick=${open} onFocus=${() => onFocus(uuid)} title=${titleOf(alert)}>
          <${UntrustedText}>${store}<//>
        </a>
        ${alert.hold && html`<${HeldBadge} />`}
        ${alert.archived && html`<${ArchivedBadge} />`}
        <${TriageBadge} alert=${alert} />
      </span>
      <span role="cell" class=${failure || alert.last_error ? 'result failure' : 'result'}>${alert.last_error ? html`<${WaitingCell} alert=${alert} now=${now} />` : result}</span>
      <span role="cell" class="codec">${codec ?? ''}</span>
      <span role="cell" class="received"><${Time} at=${received_at} /></span>
      <span role="cell" class="duration">${processed_at && formatDuration(Math.max(0, Date.parse(processed_at) - Date.parse(round_started_at)))}</span>
      <span role="cell" class="age">${formatAge(Math.max(0, now - Date.parse(received_at)))}</span>
    </div>
  `;
}

/** Returns the tooltip of a row: its link covers the badges. @param {Alert} alert */
function titleOf(alert) {
  const { store, hold, archived } = alert;
  return [withVisibleCharacters(store), hold && HELD, archived && ARCHIVED, triageTitle(alert)]
    .filter(Boolean)
    .join('\n');
}

/**
 * Returns the range of rows to render and the height of a row. Also loads the next page near the end of the list, and
 * pauses the list while the user reads further down.
 * @param {{ current: HTMLDivElement | null }} body
 * @param {AlertList} list
 * @param {boolean} pictures they make the rows higher
 */
function useVisibleRows(body, list, pictures) {
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
      if (list.error === null && last > list.rows.length - LOAD_AHEAD_ROWS) list.loadMore();
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
  }, [body, list, list.rows, pictures]);
  return {
    ...range,
    last: Math.min(range.last, list.rows.length),
    first: Math.min(range.first, Math.max(0, list.rows.length - 1)),
  };
}

/** Returns the current time, updated every second. */
function useNow() {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
