import { formatCount, UntrustedText } from './format.js';
import { html } from './html.js';
import { Time } from './time.js';

/** @typedef {import('./key-requests.js').InstallationSettings} InstallationSettings */
/** @typedef {InstallationSettings['health'][number]} Dependency */

/** A label, a color and a shape. @type {Record<Dependency['status'], [label: string, className: string, path: string]>} */
const STATES = {
  ok: ['OK', 'processed', 'm3.5 8.5 3 3 6-7'],
  warning: ['Warning', 'pending', 'M8 3.5v5.5m0 3v.1'],
  failed: ['Failed', 'failed', 'm4.5 4.5 7 7m0-7-7 7'],
};

/** @type {Record<string, string>} */
const NAMES = {
  database: 'Database',
  migrations: 'Migrations',
  database_disk: 'Disk of the database',
  queue: 'Queue',
  replica: 'Read replica',
  media_disk: 'Disk of pictures and copies',
  video_server: 'Video server',
  backup: 'Backup',
  restore_drill: 'Restore drill',
};

/** Shows the state of each dependency, versions and migrations. @param {{ settings: InstallationSettings }} props */
export function SystemSection({ settings: { health, versions, migrations, process, workers } }) {
  return html`
    <section class="system" aria-labelledby="health-title">
      <h2 id="health-title">Health</h2>
      <ul class="panel dependencies">${health.map((each) => html`<${DependencyItem} key=${each.name} dependency=${each} />`)}</ul>
      <h2 id="versions-title">Versions</h2>
      <div class="panel">
        <dl>
          <dt>Video alerts</dt><dd>${versions.project}</dd>
          <dt>Node</dt><dd>${versions.node}</dd>
          <dt>PostgreSQL</dt><dd>${versions.postgresql ?? 'unavailable'}</dd>
          ${versions.redis !== null && html`<dt>Redis</dt><dd>${versions.redis}</dd>`}
          <dt>Process</dt>
          <dd>${process.component} on <${UntrustedText}>${process.host}<//>, process ${process.pid}, since <${Time} at=${process.started_at} withZone /></dd>
          <dt>Migrations</dt>
          <dd>${migrations === null ? 'unavailable' : html`<${Migrations} migrations=${migrations} />`}</dd>
        </dl>
      </div>
      <h2 id="workers-title">Workers</h2>
      <${Workers} workers=${workers} />
    </section>
  `;
}

/** Twice the time in which a worker that runs is seen again, and the age of what the page shows. */
const NOT_SEEN_MS = 75_000;

/** @param {{ workers: InstallationSettings['workers'] }} props */
function Workers({ workers }) {
  if (!workers || workers.length === 0)
    return html`<p class="panel note">${workers ? 'No worker was seen within the last hour.' : 'Unavailable.'}</p>`;
  return html`
    <ul class="panel dependencies workers">
      ${workers.map(({ host, pid, version, node, started_at, seen_at }) => {
        const seen = Date.now() - Date.parse(seen_at) < NOT_SEEN_MS;
        const [label, className, path] = STATES[seen ? 'ok' : 'warning'];
        return html`
          <li key=${`${host} ${pid} ${started_at}`}>
            <span class=${`status ${className}`}><svg class=${`icon ${className}`} viewBox="0 0 16 16" aria-hidden="true"><path d=${path} /></svg>${seen ? label : 'Not seen'}</span>
            <span><b><${UntrustedText}>${host}<//>, process ${pid}</b> <span class="note">version ${version}, Node ${node}, since <${Time} at=${started_at} withZone />, last seen <${Time} at=${seen_at} withZone /></span></span>
          </li>
        `;
      })}
    </ul>
  `;
}

/** @param {{ dependency: Dependency }} props */
function DependencyItem({ dependency: { name, status, detail } }) {
  const [label, className, path] = STATES[status];
  return html`
    <li>
      <span class=${`status ${className}`}><svg class=${`icon ${className}`} viewBox="0 0 16 16" aria-hidden="true"><path d=${path} /></svg>${label}</span>
      <span><b><${UntrustedText}>${NAMES[name] ?? name.replace(/^source /, 'Video source ')}<//></b>${detail !== null && html` <span class="note"><${Detail} text=${detail} /></span>`}</span>
    </li>
  `;
}

const INSTANT = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)/;

/** Shows the times of a sentence in the zone of the page. @param {{ text: string }} props */
function Detail({ text }) {
  return text
    .split(INSTANT)
    .map((part) => (INSTANT.test(part) ? html`<${Time} at=${part} withZone />` : html`<${UntrustedText}>${part}<//>`));
}

/** @param {{ migrations: NonNullable<InstallationSettings['migrations']> }} props */
function Migrations({ migrations: { applied, pending, newer, failed } }) {
  const list = (/** @type {string} */ label, /** @type {string[]} */ names) =>
    names.length > 0 && html`<p class="failure">${label}: <code>${names.join(', ')}</code></p>`;
  return html`
    ${list('Pending', pending)}${list('Failed', failed)}${list('Of a newer version', newer)}
    <details>
      <summary>${formatCount(applied.length, 'migration')} applied${pending.length === 0 ? ', none pending' : ''}</summary>
      <ol class="migrations">${applied.map(({ name, applied_at }) => html`<li key=${name}><code>${name}</code> <span class="note"><${Time} at=${applied_at} withZone /></span></li>`)}</ol>
    </details>
  `;
}
