import { useEffect, useState } from 'preact/hooks';
import { formatAge, formatDuration } from './format.js';
import { html } from './html.js';
import { asRequestError, send } from './requests.js';
import { Time } from './time.js';

/** @typedef {import('zod').infer<typeof import('../../operations/backup-schema.ts').backupsSchema>} Backups */
/** @typedef {{ backups: Backups | null, error: string }} State */

const REFRESH_MS = 30_000;

/** Shows when the last backup and the last restore drill succeeded, or how to start one. */
export function BackupsSection() {
  const { backups, error } = useBackups();
  return html`
    <section class="backups" aria-labelledby="backups-title">
      <div class="list-header"><h2 id="backups-title">Backups</h2></div>
      ${error !== '' && html`<p class="error" role="alert">${error}</p>`}
      ${!backups && error === '' && html`<p class="note" role="status">Loading …</p>`}
      ${
        backups &&
        html`
        <div class="panel">
          <dl>
            <dt>Last backup</dt>
            <dd><${Run} run=${backups.backup} none="No backup yet" command="npm run backup -- --to DIR" /></dd>
            <dt>Last restore drill</dt>
            <dd><${Run} run=${backups.restore_drill} none="No restore drill yet" command="npm run restore-drill -- --from DIR" /></dd>
          </dl>
          <p class="note">The file <code>docs/backup.md</code> explains both, also for compose and for every night.</p>
        </div>
      `
      }
    </section>
  `;
}

/** @param {{ run: Backups['backup'], none: string, command: string }} props */
function Run({ run, none, command }) {
  if (run === null) return html`<p>${none}: <code>${command}</code></p>`;
  const { succeeded_at, name, duration_seconds, overdue_at } = run;
  const now = Date.now();
  const age = formatAge(Math.max(0, now - Date.parse(succeeded_at)));
  return html`
    <p><${Time} at=${succeeded_at} withZone />${age === 'now' ? ', now' : `, ${age} ago`}</p>
    ${Date.parse(overdue_at) < now && html`<p class="overdue"><b>Overdue</b> since <${Time} at=${overdue_at} withZone />: <code>${command}</code></p>`}
    <p class="note">Took ${formatDuration(duration_seconds * 1_000)}: <code>${name}</code></p>
  `;
}

/** Returns the last runs and keeps them up to date. @returns {State} */
function useBackups() {
  const [state, setState] = useState(/** @type {State} */ ({ backups: null, error: '' }));
  useEffect(() => {
    const closed = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const load = async () => {
      try {
        const backups = await send('/backups', { signal: closed.signal });
        setState({ backups, error: '' });
      } catch (error) {
        if (closed.signal.aborted) return;
        setState(({ backups }) => ({ backups, error: `Cannot show the backups: ${asRequestError(error).message}` }));
      }
      timer = setTimeout(load, REFRESH_MS);
    };
    load();
    return () => {
      closed.abort();
      clearTimeout(timer);
    };
  }, []);
  return state;
}
