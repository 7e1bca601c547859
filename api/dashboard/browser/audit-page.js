// The audit log: who did what, and when.
import { useEffect, useState } from 'preact/hooks';
import { Banners } from './banners.js';
import { UntrustedText } from './format.js';
import { listAudit } from './hold-requests.js';
import { html } from './html.js';
import { followLink } from './link.js';
import { asRequestError } from './requests.js';
import { Time } from './time.js';
import { urlOf, viewOfAlerts } from './view.js';

/** @typedef {import('./main.js').PageProps} PageProps */
/** @typedef {import('./hold-requests.js').AuditEntry} AuditEntry */
/** @typedef {import('./requests.js').RequestError} RequestError */
/** @typedef {{ currentTarget: HTMLInputElement }} InputEvent */
/** @typedef {{ currentTarget: HTMLSelectElement }} SelectEvent */

/** @type {[action: string, label: string][]} */
const ACTIONS = [
  ['hold.placed', 'Held an alert'],
  ['hold.changed', 'Changed the reason of a hold'],
  ['hold.released', 'Released a hold'],
  ['alert.acknowledged', 'Acknowledged an alert'],
  ['alert.reopened', 'Ended an acknowledgement'],
  ['alert.assigned', 'Assigned an alert'],
  ['alert.commented', 'Commented on an alert'],
  ['alert.deleted', 'Deleted an alert'],
  ['alert.read', 'Read an alert'],
  ['alerts.listed', 'Listed alerts'],
  ['alerts.exported', 'Exported alerts'],
  ['alert.retried', 'Retried an alert'],
  ['alerts.retried', 'Retried alerts'],
  ['delivery.retried', 'Retried a delivery'],
  ['deliveries.retried', 'Retried deliveries'],
  ['destination.created', 'Added a destination'],
  ['destination.changed', 'Changed a destination'],
  ['destination.deleted', 'Deleted a destination'],
  ['destination.secret_rotated', 'Rotated a secret'],
  ['mute.created', 'Muted'],
  ['mute.ended', 'Ended a mute'],
  ['key.created', 'Created a key'],
  ['key.rotated', 'Rotated a key'],
  ['key.revoked', 'Revoked a key'],
  ['session.started', 'Logged in'],
  ['session.ended', 'Logged out'],
  ['login.failed', 'Failed to log in'],
  ['link.created', 'Created a link'],
  ['links.revoked', 'Revoked links'],
  ['retention.changed', 'Changed the retention'],
  ['retention.run', 'Deleted old alerts'],
  ['copies.requested', 'Requested copies'],
  ['backup.created', 'Made a backup'],
  ['backup.restored', 'Restored a backup'],
  ['archive.restore_started', 'Began to restore from the archive'],
  ['archive.restored', 'Restored from the archive'],
  ['audit.pruned', 'Deleted old audit entries'],
];
const LABELS = new Map(ACTIONS);
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Shows the audit log with its filters. @param {PageProps} props */
export function AuditPage(props) {
  const { view, navigate, settings } = props;
  const mayRead = settings.scopes.includes('manage') && settings.allStores;
  return html`
    <main class="audit">
      <${Banners} ...${props} />
      <section class="alerts" id="audit" aria-labelledby="audit-title" tabindex="-1">
        <div class="list-header"><h2 id="audit-title">Audit log</h2></div>
        ${mayRead ? html`<${AuditLog} view=${view} navigate=${navigate} />` : html`<p class="note">Your key needs the scope manage and access to all stores.</p>`}
      </section>
    </main>
  `;
}

/** @param {Pick<PageProps, 'view' | 'navigate'>} props */
function AuditLog({ view, navigate }) {
  const { entries, hasMore, loading, error, loadMore, reload } = useAudit(view.action, view.target);
  return html`
    <${AuditFilters} view=${view} navigate=${navigate} onRefresh=${reload} />
    ${entries.length > 0 && html`<ol class="audit-log panel" aria-busy=${loading}>${entries.map((entry) => html`<${Entry} key=${entry.id} entry=${entry} view=${view} navigate=${navigate} />`)}</ol>`}
    ${error && html`<p class="error" role="alert">${error.message} <button onClick=${entries.length > 0 ? loadMore : reload}>Try again</button></p>`}
    <p class="note" role="status">${loading ? 'Loading …' : entries.length === 0 && !error ? 'No entries.' : ''}</p>
    ${hasMore && !loading && html`<button onClick=${loadMore}>Load older entries</button>`}
  `;
}

/** @param {Pick<PageProps, 'view' | 'navigate'> & { onRefresh: () => void }} props */
function AuditFilters({ view, navigate, onRefresh }) {
  const [target, setTarget] = useState(view.target);
  useEffect(() => setTarget(view.target), [view.target]);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    navigate({ target: target.trim() });
  };
  const filtered = view.action !== '' || view.target !== '';
  return html`
    <search class="filters" aria-label="Filters">
      <label><span>Action</span>
        <select value=${view.action} onChange=${(/** @type {SelectEvent} */ e) => navigate({ action: e.currentTarget.value })}>
          <option value="">Any</option>
          ${ACTIONS.map(([action, label]) => html`<option value=${action}>${label}</option>`)}
        </select>
      </label>
      <form onSubmit=${submit}>
        <label><span>Target</span>
          <input type="search" value=${target} placeholder="Id of an alert, a key …" maxlength="200" autocomplete="off"
            onInput=${(/** @type {InputEvent} */ e) => setTarget(e.currentTarget.value)}
            onChange=${(/** @type {InputEvent} */ e) => navigate({ target: e.currentTarget.value.trim() })} />
        </label>
      </form>
      <button class="quiet" onClick=${onRefresh}>Refresh</button>
      ${filtered && html`<button class="quiet" onClick=${() => navigate({ action: '', target: '' })}>Clear filters</button>`}
    </search>
  `;
}

/** @param {Pick<PageProps, 'view' | 'navigate'> & { entry: AuditEntry }} props */
function Entry({ entry: { id, at, actor, action, target, details }, view, navigate }) {
  const ofAlert =
    /^(alert|hold|links?)\./.test(action) && action !== 'alert.deleted' && target !== null && UUID.test(target);
  const open = viewOfAlerts(view, target ?? '');
  const by = actor.name ?? actor.id;
  return html`
    <li>
      <p class="what">
        <b>${LABELS.get(action) ?? action}</b>
        ${target !== null && (ofAlert ? html`<a class="mono" href=${urlOf(open)} onClick=${followLink(() => navigate(open))}>${target}</a>` : html`<span class="mono"><${UntrustedText}>${target}<//></span>`)}
      </p>
      <p class="who"><${Time} at=${at} withZone /> · <${UntrustedText}>${by}<//>${actor.name !== null && actor.name !== actor.id && html` (${actor.id})`}${actor.address !== null && ` · ${actor.address}`} · entry ${id}</p>
      ${Object.keys(details).length > 0 && html`<p class="details"><${UntrustedText}>${describe(details)}<//></p>`}
    </li>
  `;
}

/** Returns details as `reason: case 7, fields: name, config`. @param {Record<string, unknown>} details */
function describe(details) {
  const text = (/** @type {unknown} */ value) =>
    Array.isArray(value) ? value.join(', ') : typeof value === 'object' ? JSON.stringify(value) : String(value);
  return Object.entries(details)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name.replaceAll('_', ' ')}: ${text(value)}`)
    .join(' · ');
}

/** Returns the entries loaded so far, newest first. @param {string} action @param {string} target */
function useAudit(action, target) {
  const [entries, setEntries] = useState(/** @type {AuditEntry[]} */ ([]));
  const [cursor, setCursor] = useState(/** @type {string | null} */ (null));
  const [request, setRequest] = useState({ cursor: /** @type {string | null} */ (null), n: 0 });
  const [loading, setLoading] = useState(true);
  const [error, setError] = useState(/** @type {RequestError | null} */ (null));
  const reload = () => setRequest(({ n }) => ({ cursor: null, n: n + 1 }));
  useEffect(reload, [action, target]);
  useEffect(() => {
    const closed = new AbortController();
    setLoading(true);
    setError(null);
    listAudit({ action, target, actor: '', from: '', to: '' }, request.cursor, closed.signal).then(
      ({ data, next_cursor }) => {
        setEntries((before) => (request.cursor === null ? data : [...before, ...data]));
        setCursor(next_cursor);
        setLoading(false);
      },
      (error) => {
        if (closed.signal.aborted) return;
        setError(asRequestError(error));
        setLoading(false);
      },
    );
    return () => closed.abort();
  }, [action, target, request]);
  const loadMore = () => setRequest(({ n }) => ({ cursor, n: n + 1 }));
  return { entries, hasMore: cursor !== null, loading, error, loadMore, reload };
}
