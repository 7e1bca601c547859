// Full disks: what /readyz reports, for every view of the page.
import { useEffect, useState } from 'preact/hooks';
import { html } from './html.js';

const POLL_MS = 15_000;
/** @type {Record<string, string>} What waits until there is space. */
const WAITS = {
  database_disk: 'New alerts are rejected and cameras send them again. No accepted alert is lost.',
  media_disk: 'Pictures wait and copies fail. Alerts are not affected.',
  archive_disk: 'Nothing is archived or deleted. Alerts are not affected.',
};

/** Shows which disks are full. */
export function DiskBanners() {
  return useFullDisks().map(
    ([name, error]) =>
      html`<p class="banner failing" key=${name}><b>${error[0]?.toUpperCase()}${error.slice(1)}.</b> ${WAITS[name]}</p>`,
  );
}

/** Returns the failed checks of disks by name. @returns {[name: string, error: string][]} */
function useFullDisks() {
  const [full, setFull] = useState(/** @type {[string, string][]} */ ([]));
  useEffect(() => {
    const closed = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    async function refresh() {
      if (!document.hidden) {
        const checks = await readChecks(closed.signal);
        if (closed.signal.aborted) return;
        if (checks) setFull(Object.entries(checks).filter(([name, result]) => name in WAITS && result !== 'ok'));
      }
      timer = setTimeout(refresh, POLL_MS);
    }
    refresh();
    return () => {
      closed.abort();
      clearTimeout(timer);
    };
  }, []);
  return full;
}

/** Returns undefined without a response: a banner of its own shows that. @param {AbortSignal} signal @returns {Promise<Record<string, string> | undefined>} */
async function readChecks(signal) {
  try {
    const response = await fetch('/readyz', { signal });
    return (await response.json()).checks;
  } catch {
    return undefined;
  }
}
