// The columns of the list: which there are, which are shown, and how wide they are.
import { MEDIUM, useMedia } from './media-query.js';
import { useStoredSettings } from './stored-setting.js';

/**
 * @typedef {object} Column
 * @property {string} id Also its CSS class.
 * @property {string} name
 * @property {string} width For `grid-template-columns`.
 * @property {string} [sort] What `sort` in the address is if the list is sorted by it.
 * @property {boolean} [wide] By default not shown where the list is narrow.
 * @property {boolean} [optional] By default not shown.
 * @property {boolean} [fixed] Always shown.
 */

/** @type {Column[]} */
export const COLUMNS = [
  { id: 'picture', name: 'Picture', width: '64px' },
  { id: 'status-cell', name: 'Status', width: '104px', sort: 'status' },
  { id: 'store', name: 'Store', width: 'minmax(70px, 1fr)', sort: 'store', fixed: true },
  { id: 'camera', name: 'Camera', width: '100px', sort: 'camera', optional: true },
  { id: 'result', name: 'Result', width: 'minmax(80px, 1.2fr)', sort: 'result' },
  { id: 'file', name: 'File', width: '120px', sort: 'file', optional: true },
  { id: 'codec', name: 'Codec', width: '52px', sort: 'codec', wide: true },
  { id: 'attempts', name: 'Attempts', width: '70px', sort: 'attempts', optional: true },
  { id: 'received', name: 'Received', width: '158px', sort: 'received_at' },
  { id: 'duration', name: 'Duration', width: '76px', sort: 'duration', wide: true },
  { id: 'age', name: 'Received (ago)', width: '92px' },
];

/** @typedef {{ compact: boolean, columns: string[] }} ListSettings columns: empty for the default ones */

/** @type {ListSettings} */
const DEFAULTS = { compact: false, columns: [] };

/** Columns that can be shown or hidden; pictures have a switch of their own. */
export const CHOICES = COLUMNS.filter(({ id, fixed }) => !fixed && id !== 'picture');

/**
 * Returns how the list is shown, and functions that change it. The browser remembers it.
 * @param {boolean} pictures whether they are shown
 */
export function useListSettings(pictures) {
  const [settings, change] = useStoredSettings('list', DEFAULTS);
  const medium = useMedia(MEDIUM);
  const chosen = settings.columns.length > 0;
  const isShown = (/** @type {Column} */ { id, fixed, optional, wide }) => {
    if (id === 'picture') return pictures;
    return fixed || (chosen ? settings.columns.includes(id) : !optional && !(medium && wide));
  };
  const columns = COLUMNS.filter(isShown);
  return {
    columns,
    compact: settings.compact,
    // Chosen columns may need more space than there is: then they shrink.
    template: columns.map(({ width }) => (chosen && /^\d+px$/.test(width) ? `minmax(0, ${width})` : width)).join(' '),
    setCompact: (/** @type {boolean} */ compact) => change({ compact }),
    /** Shows or hides a column. @param {string} id @param {boolean} show */
    show(id, show) {
      const others = columns.map((column) => column.id).filter((one) => one !== id && one !== 'picture');
      change({ columns: show ? [...others, id] : others });
    },
    reset: () => change(null),
  };
}
