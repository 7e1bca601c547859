import { useEffect, useState } from 'preact/hooks';
import { asRequestError } from './requests.js';

/**
 * Returns what `load` returns, and loads it again every `intervalMs` and after `refresh`. `load` must stay the same function.
 * @template Value
 * @param {(signal: AbortSignal) => Promise<Value>} load
 * @param {number} intervalMs
 * @returns {{ value: Value | null, error: string, refresh: () => void }}
 */
export function usePolled(load, intervalMs) {
  const [value, setValue] = useState(/** @type {Value | null} */ (null));
  const [error, setError] = useState('');
  const [refreshes, setRefreshes] = useState(0);
  useEffect(() => {
    const closed = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const repeat = async () => {
      try {
        const loaded = await load(closed.signal);
        setValue(() => loaded);
        setError('');
      } catch (error) {
        if (closed.signal.aborted) return;
        setError(asRequestError(error).message);
      }
      timer = setTimeout(repeat, intervalMs);
    };
    repeat();
    return () => {
      closed.abort();
      clearTimeout(timer);
    };
  }, [load, intervalMs, refreshes]);
  return { value, error, refresh: () => setRefreshes((n) => n + 1) };
}
