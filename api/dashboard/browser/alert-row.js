import { ARCHIVED, ArchivedBadge } from './archived-badge.js';
import { formatAge, formatDuration, UntrustedText, withVisibleCharacters } from './format.js';
import { HELD, HeldBadge } from './hold-box.js';
import { html } from './html.js';
import { followLink } from './link.js';
import { durationOf, fileName } from './list-order.js';
import { WaitingCell } from './outage.js';
import { PictureCell } from './picture.js';
import { Status } from './status.js';
import { formatTime, Time } from './time.js';
import { TriageBadge, triageTitle } from './triage-badge.js';

/** @typedef {import('./requests.js').Alert} Alert */
/** @typedef {import('./list-columns.js').Column} Column */
/** @typedef {import('./selection.js').Selection} Selection */
/**
 * @typedef {object} RowProps
 * @property {Alert} alert
 * @property {Column[]} columns
 * @property {number} index For `aria-rowindex`.
 * @property {number} now
 * @property {boolean} opened
 * @property {boolean} focusable
 * @property {Selection | null} selection
 * @property {string} url
 * @property {(uuid: string) => void} onOpen
 * @property {(uuid: string) => void} onFocus
 */

/** @param {RowProps} props */
export function AlertRow(props) {
  const { alert, columns, index, opened, selection, onFocus } = props;
  const selected = selection?.has(alert.uuid) ?? false;
  return html`
    <div role="row" class=${`row${opened ? ' opened' : ''}${selected ? ' selected' : ''}`} aria-rowindex=${index} data-uuid=${alert.uuid}>
      ${selection && html`<${SelectCell} alert=${alert} selected=${selected} selection=${selection} onFocus=${onFocus} />`}
      ${columns.map(({ id }) => CELLS[id]?.(props))}
    </div>
  `;
}

/** Shows each column's cell of a row. @type {Record<string, (props: RowProps) => unknown>} */
const CELLS = {
  picture: ({ alert, onOpen }) =>
    html`<${PictureCell} key="picture" alert=${alert} onOpen=${() => onOpen(alert.uuid)} />`,
  'status-cell': ({ alert }) =>
    html`<span role="cell" key="status-cell" class="status-cell"><${Status} status=${alert.status} /></span>`,
  store: (props) => html`<${StoreCell} key="store" ...${props} />`,
  result: (props) => html`<${ResultCell} key="result" ...${props} />`,
  camera: ({ alert }) => text('camera', alert.camera),
  file: ({ alert }) => text('file', fileName(alert.video)),
  codec: ({ alert }) => text('codec', alert.codec),
  attempts: ({ alert }) => text('attempts', String(alert.attempts)),
  received: ({ alert }) =>
    html`<span role="cell" key="received" class="received"><${Time} at=${alert.received_at} /></span>`,
  duration({ alert }) {
    const ms = durationOf(alert);
    return text('duration', ms === null ? '' : formatDuration(ms));
  },
  age: ({ alert, now }) => text('age', formatAge(Math.max(0, now - Date.parse(alert.received_at)))),
};

/** @param {string} id @param {string | null} value */
function text(id, value) {
  return html`<span role="cell" key=${id} class=${id}>${value && html`<${UntrustedText}>${value}<//>`}</span>`;
}

/** @param {{ alert: Alert, selected: boolean, selection: Selection, onFocus: (uuid: string) => void }} props */
function SelectCell({ alert: { uuid, store, received_at }, selected, selection, onFocus }) {
  const label = `Select the alert of ${withVisibleCharacters(store)}, ${formatTime(received_at)}`;
  const toggle = (/** @type {MouseEvent} */ event) => selection.toggle(uuid, event.shiftKey);
  // Space on the row does the same, so that Tab needs no second step for each row.
  return html`
    <span role="cell" class="select">
      <label><input type="checkbox" tabindex="-1" checked=${selected} aria-label=${label} onClick=${toggle} onFocus=${() => onFocus(uuid)} /></label>
    </span>
  `;
}

/** @param {RowProps} props */
function StoreCell({ alert, opened, focusable, url, onOpen, onFocus }) {
  const open = followLink(() => onOpen(alert.uuid));
  return html`
    <span role="cell" class="store">
      <a href=${url} tabindex=${focusable ? 0 : -1} aria-current=${opened ? 'true' : undefined} onClick=${open} onFocus=${() => onFocus(alert.uuid)} title=${titleOf(alert)}>
        <${UntrustedText}>${alert.store}<//>
      </a>
      ${alert.hold && html`<${HeldBadge} />`}
      ${alert.archived && html`<${ArchivedBadge} />`}
      <${TriageBadge} alert=${alert} />
    </span>
  `;
}

/** @param {RowProps} props */
function ResultCell({ alert, now }) {
  const { failure, last_error, resolution } = alert;
  const result = failure ? failure.code : (resolution?.replace('x', ' × ') ?? '');
  return html`<span role="cell" class=${failure || last_error ? 'result failure' : 'result'}>${last_error ? html`<${WaitingCell} alert=${alert} now=${now} />` : result}</span>`;
}

/** Returns the tooltip of a row: its link covers the badges. @param {Alert} alert */
function titleOf(alert) {
  const { store, hold, archived } = alert;
  return [withVisibleCharacters(store), hold && HELD, archived && ARCHIVED, triageTitle(alert)]
    .filter(Boolean)
    .join('\n');
}
