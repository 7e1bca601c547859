import { useEffect, useMemo, useRef, useState } from 'preact/hooks';

/** @typedef {import('./requests.js').Alert} Alert */
/** @typedef {import('./alert-table.js').AlertList} AlertList */
/**
 * @typedef {object} Selection The alerts that are selected for an action on all of them.
 * @property {Alert[]} alerts In the order of the list.
 * @property {(uuid: string) => boolean} has
 * @property {(uuid: string, range?: boolean) => void} toggle range: selects from the last one that was toggled to this one
 * @property {(from: string, to: string) => void} extend Selects both and what is between them.
 * @property {() => void} selectAll All that are loaded.
 * @property {() => void} clear
 */

/**
 * Returns the selection. It only has alerts that are loaded, and is empty after a change of the filter.
 * @param {AlertList} list
 * @returns {Selection}
 */
export function useSelection(list) {
  const { rows } = list;
  const [uuids, setUuids] = useState(/** @type {ReadonlySet<string>} */ (new Set()));
  /** Where a range starts. */
  const anchor = useRef('');
  useEffect(() => setUuids(new Set()), [list]);
  const alerts = useMemo(() => (uuids.size === 0 ? [] : rows.filter(({ uuid }) => uuids.has(uuid))), [rows, uuids]);
  const add = (/** @type {Alert[]} */ more) => setUuids((old) => new Set([...old, ...more.map(({ uuid }) => uuid)]));
  /** @param {string} from @param {string} to */
  function extend(from, to) {
    const ends = [from, to].map((end) => rows.findIndex(({ uuid }) => uuid === end)).filter((index) => index >= 0);
    add(rows.slice(Math.min(...ends), Math.max(...ends) + 1));
    anchor.current = to;
  }
  return {
    alerts,
    has: (uuid) => uuids.has(uuid),
    toggle(uuid, range = false) {
      if (range && anchor.current !== '') return extend(anchor.current, uuid);
      anchor.current = uuid;
      setUuids((old) => {
        const next = new Set(old);
        if (!next.delete(uuid)) next.add(uuid);
        return next;
      });
    },
    extend,
    selectAll: () => add(rows),
    clear() {
      anchor.current = '';
      setUuids(new Set());
    },
  };
}
