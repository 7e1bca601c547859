// The list: of however many alerts only those in sight are in the document.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { age, Foreign, Moment, plain, span } from './format.js';
import { html } from './html.js';
import { Status } from './status.js';

/** @typedef {import('./requests.js').Alert} Alert */
/** @typedef {ReturnType<typeof import('./alert-list.js').createAlertList>} AlertList */

/** Title and style. */
const COLUMNS = [
  ['Status', 'status-cell'],
  ['Store', 'store'],
  ['Result', 'result'],
  ['Codec', 'codec'],
  ['Received', 'received'],
  ['Took', 'took'],
  ['Age', 'age'],
];
/** Rows drawn above and below those in sight: a key or a flick of the wheel finds them there. */
const SPARE = 12;
/** Rows from the end at which the next page is asked for. */
const AHEAD = 60;
/** Scrolled down so far, the reader reads: new alerts wait. */
const READING_PX = 80;

/**
 * @param {{ list: AlertList, chosen: string, addressOf: (uuid: string) => string, onOpen: (uuid: string) => void }} props
 */
export function AlertTable({ list, chosen, addressOf, onOpen }) {
  const body = useRef(/** @type {HTMLDivElement | null} */ (null));
  const { first, last, height } = useWindow(body, list);
  const { here, onKey, onFocus } = useWalk(body, list.rows, chosen, { first, last, height });
  const now = useNow();
  const { rows } = list;

  return html`
    <div class="table" role="table" aria-label="Alerts, the newest first" aria-describedby="keys" aria-rowcount=${list.more ? -1 : rows.length + 1} aria-busy=${list.loading}>
      <p id="keys" hidden>Arrow keys, Page Up, Page Down, Home and End walk the list; Enter opens an alert, Escape closes it.</p>
      <div role="rowgroup" class="head">
        <div role="row" class="row" aria-rowindex="1">
          ${COLUMNS.map(([name, style]) => html`<span role="columnheader" class=${style}>${name}</span>`)}
        </div>
      </div>
      <div role="rowgroup" ref=${body} onKeyDown=${onKey} class="body" style=${{ paddingTop: `${first * height}px`, paddingBottom: `${(rows.length - last) * height}px` }}>
        ${rows.slice(first, last).map(
          (alert, n) => html`
            <${Row} key=${alert.uuid} alert=${alert} index=${first + n + 2} now=${now} chosen=${alert.uuid === chosen}
              focusable=${first + n === here || (n === 0 && (here < first || here >= last))} address=${addressOf(alert.uuid)} onOpen=${onOpen} onFocus=${onFocus} />
          `,
        )}
      </div>
    </div>
  `;
}

/**
 * Walking the list by keys: one row at a time can be reached by Tab, the keys lead on from it.
 * @param {{ current: HTMLDivElement | null }} body
 * @param {Alert[]} rows
 * @param {string} chosen
 * @param {{ first: number, last: number, height: number }} drawn
 */
function useWalk(body, rows, chosen, { first, last, height }) {
  const [current, onFocus] = useState('');
  const wanted = useRef('');
  const here = Math.max(
    0,
    rows.findIndex(({ uuid }) => uuid === (current || chosen)),
  );
  // A row far away is there only once the page was scrolled to it and drawn.
  useLayoutEffect(() => {
    if (wanted.current === '') return;
    const row = body.current?.querySelector(`[data-uuid="${wanted.current}"] a`);
    if (!(row instanceof HTMLElement)) return;
    wanted.current = '';
    row.focus();
  });
  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const page = Math.max(1, Math.floor(innerHeight / height) - 4);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -rows.length, End: rows.length };
    const step = new Map(Object.entries(steps)).get(event.key);
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const index = Math.min(rows.length - 1, Math.max(0, here + step));
    const next = rows[index];
    if (!next || !body.current) return;
    wanted.current = next.uuid;
    onFocus(next.uuid);
    if (index >= first && index < last) return;
    const top = body.current.getBoundingClientRect().top + scrollY;
    scrollTo({ top: top + index * height - innerHeight / 2, behavior: 'instant' });
  }
  return { here, onKey, onFocus };
}

/**
 * @param {{ alert: Alert, index: number, now: number, chosen: boolean, focusable: boolean, address: string,
 *   onOpen: (uuid: string) => void, onFocus: (uuid: string) => void }} props
 */
function Row({ alert, index, now, chosen, focusable, address, onOpen, onFocus }) {
  const { uuid, status, store, resolution, codec, failure, received_at, processed_at } = alert;
  const open = (/** @type {MouseEvent} */ event) => {
    // Another tab or window stays the browser's.
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    onOpen(uuid);
  };
  const result = failure ? failure.code : (resolution?.replace('x', ' × ') ?? '');
  return html`
    <div role="row" class=${chosen ? 'row chosen' : 'row'} aria-rowindex=${index} data-uuid=${uuid}>
      <span role="cell" class="status-cell"><${Status} status=${status} /></span>
      <span role="cell" class="store">
        <a href=${address} tabindex=${focusable ? 0 : -1} aria-current=${chosen ? 'true' : undefined} onClick=${open} onFocus=${() => onFocus(uuid)} title=${plain(store)}>
          <${Foreign}>${store}<//>
        </a>
      </span>
      <span role="cell" class=${failure ? 'result bad' : 'result'}>${result}</span>
      <span role="cell" class="codec">${codec ?? ''}</span>
      <span role="cell" class="received"><${Moment} at=${received_at} /></span>
      <span role="cell" class="took">${processed_at && span(Math.max(0, Date.parse(processed_at) - Date.parse(received_at)))}</span>
      <span role="cell" class="age">${age(Math.max(0, now - Date.parse(received_at)))}</span>
    </div>
  `;
}

/**
 * Which rows are in sight, and how high one is. Tells the list when more are needed and when the reader reads.
 * @param {{ current: HTMLDivElement | null }} body
 * @param {AlertList} list
 */
function useWindow(body, list) {
  const [seen, setSeen] = useState({ first: 0, last: 60, height: 40 });
  useLayoutEffect(() => {
    let frame = 0;
    const look = () => {
      frame = 0;
      if (!body.current) return;
      const height = Number.parseFloat(getComputedStyle(body.current).getPropertyValue('--row')) || 40;
      const above = -body.current.getBoundingClientRect().top;
      const first = Math.max(0, Math.min(Math.floor(above / height) - SPARE, list.rows.length - 1));
      const last = Math.min(list.rows.length, Math.max(0, Math.ceil((above + innerHeight) / height)) + SPARE);
      setSeen((was) =>
        was.first === first && was.last === last && was.height === height ? was : { first, last, height },
      );
      list.hold(above > READING_PX);
      if (list.fault === null && last > list.rows.length - AHEAD) list.loadMore();
    };
    const soon = () => {
      frame ||= requestAnimationFrame(look);
    };
    look();
    addEventListener('scroll', soon, { passive: true });
    addEventListener('resize', soon);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener('scroll', soon);
      removeEventListener('resize', soon);
    };
  }, [body, list, list.rows]);
  return {
    ...seen,
    last: Math.min(seen.last, list.rows.length),
    first: Math.min(seen.first, Math.max(0, list.rows.length - 1)),
  };
}

/** The time, each second. */
export function useNow() {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
