import { useEffect, useRef, useState } from 'preact/hooks';
import { BackupsSection } from './backups.js';
import { Banners } from './banners.js';
import { ConfirmDialog } from './confirm-dialog.js';
import { formatNumber, UntrustedText } from './format.js';
import { html } from './html.js';
import { asRequestError } from './requests.js';
import { RetentionForm } from './retention-form.js';
import { deleteRule, getRetention, previewRemoval, setRule } from './retention-requests.js';
import { STATUS_LABELS } from './status.js';
import { Time } from './time.js';

/** @typedef {import('./retention-requests.js').Retention} Retention */
/** @typedef {import('./retention-requests.js').Rule} Rule */
/** @typedef {import('./retention-requests.js').NewRule} NewRule */
/** @typedef {import('./retention-requests.js').Preview} Preview */
/** @typedef {{ rule: NewRule | Rule, preview: Preview, removes: boolean }} Change A change that is not saved yet. */

const REFRESH_MS = 5_000;
/** The API counts up to this number. */
const MAX_COUNTED = 100_000;

/** Shows how long alerts are kept, the last run, and the form of a rule. @param {import('./main.js').PageProps} props */
export function RetentionPage(props) {
  const { notify } = props;
  const { retention, error, refresh } = useRetention();
  const [adding, setAdding] = useState(false);
  const [change, setChange] = useState(/** @type {Change | null} */ (null));
  const title = useRef(/** @type {HTMLHeadingElement | null} */ (null));
  const close = () => {
    setAdding(false);
    title.current?.focus();
  };
  const remove = async (/** @type {Rule} */ rule) => {
    try {
      setChange({ rule, preview: await previewRemoval(rule), removes: true });
    } catch (error) {
      notify(`Cannot delete the rule: ${asRequestError(error).message}`);
    }
  };
  const save = async () => {
    if (!change) return;
    await (change.removes && 'id' in change.rule ? deleteRule(change.rule.id) : setRule(change.rule));
    notify(change.removes ? 'Rule deleted.' : 'Rule saved.');
    close();
    refresh();
  };
  return html`
    <main class="retention">
      <${Banners} ...${props} />
      <section class="alerts" id="retention" aria-labelledby="retention-title" tabindex="-1">
        <div class="list-header">
          <h2 id="retention-title" ref=${title} tabindex="-1">Retention</h2>
          ${!adding && html`<button class="primary" onClick=${() => setAdding(true)}>Set rule</button>`}
        </div>
        ${error !== '' && html`<p class="error" role="alert">${error}</p>`}
        ${adding && html`<div class="panel"><${RetentionForm} onPreview=${(/** @type {NewRule} */ rule, /** @type {Preview} */ preview) => setChange({ rule, preview, removes: false })} onCancel=${close} /></div>`}
        ${retention ? html`<${Rules} retention=${retention} onRemove=${remove} />` : html`<p class="note" role="status">Loading …</p>`}
      </section>
      ${props.settings.allStores && html`<${BackupsSection} />`}
      ${change && html`<${ConfirmChange} change=${change} run=${save} onClose=${() => setChange(null)} />`}
    </main>
  `;
}

/** @param {{ retention: Retention, onRemove: (rule: Rule) => void }} props */
function Rules({ retention: { default_days, rules, last_run }, onRemove }) {
  return html`
    <p class="note">The most specific rule applies. Without one, alerts are kept ${durationOf(default_days)}. Alerts under a legal hold are never deleted.</p>
    <table class="destination-table">
      <thead><tr><th>Store</th><th>Status</th><th>Kept</th><th>Changed</th><th></th></tr></thead>
      <tbody>
        ${rules.map(
          (rule) => html`
            <tr key=${rule.id}>
              <td>${rule.store === null ? 'All' : html`<${UntrustedText}>${rule.store}<//>`}</td>
              <td>${rule.status ? STATUS_LABELS[rule.status] : 'Processed and failed'}</td>
              <td>${durationOf(rule.days)}</td>
              <td><${Time} at=${rule.updated_at} /> by <${UntrustedText}>${rule.updated_by}<//></td>
              <td><button onClick=${() => onRemove(rule)} aria-label=${`Delete the rule of ${rule.store ?? 'all stores'}`}>Delete</button></td>
            </tr>`,
        )}
      </tbody>
    </table>
    ${rules.length === 0 && html`<p class="note">There are no rules.</p>`}
    ${last_run && html`<p class=${last_run.error === null ? 'note' : 'error'}>${runOf(last_run)} Started <${Time} at=${last_run.started_at} />.</p>`}
  `;
}

/** @param {NonNullable<Retention['last_run']>} run */
function runOf({ deleted, finished_at, error }) {
  const count = `${formatNumber(deleted)} ${deleted === 1 ? 'alert' : 'alerts'} deleted`;
  if (finished_at === null) return `Deleting: ${count} so far.`;
  return error === null ? `Last run: ${count}.` : `The last run ended early, ${count}: ${error}.`;
}

/** @param {{ change: Change, run: () => Promise<unknown>, onClose: () => void }} props */
function ConfirmChange({ change: { rule, preview, removes }, run, onClose }) {
  const { due, oldest } = preview;
  const count = due > MAX_COUNTED ? `More than ${formatNumber(MAX_COUNTED)}` : formatNumber(due);
  return html`
    <${ConfirmDialog} title=${removes ? 'Delete this rule?' : 'Save this rule?'} action=${removes ? 'Delete rule' : 'Save rule'} run=${run} onClose=${onClose}>
      <p>${rule.store === null ? 'All stores' : html`Store <b><${UntrustedText}>${rule.store}<//></b>`}, ${rule.status ?? 'processed and failed'}: kept ${removes ? 'as the next less specific rule says' : durationOf(rule.days)}.</p>
      ${
        due === 0
          ? html`<p>No alerts are deleted now.</p>`
          : html`<p><b>${count} ${due === 1 ? 'alert is' : 'alerts are'} deleted within the next minutes</b>, with their pictures and deliveries. ${oldest !== null && html`The oldest was received <${Time} at=${oldest} />.`}</p>`
      }
    <//>
  `;
}

/** @param {number | null} days */
function durationOf(days) {
  return days === null ? 'forever' : `${formatNumber(days)} ${days === 1 ? 'day' : 'days'}`;
}

/** Returns the rules and the last run, and keeps them up to date. */
function useRetention() {
  const [retention, setRetention] = useState(/** @type {Retention | null} */ (null));
  const [error, setError] = useState('');
  const [refreshes, setRefreshes] = useState(0);
  useEffect(() => {
    const closed = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const load = async () => {
      try {
        setRetention(await getRetention(closed.signal));
        setError('');
      } catch (error) {
        if (closed.signal.aborted) return;
        setError(`Cannot show the rules: ${asRequestError(error).message}`);
      }
      timer = setTimeout(load, REFRESH_MS);
    };
    load();
    return () => {
      closed.abort();
      clearTimeout(timer);
    };
  }, [refreshes]);
  return { retention, error, refresh: () => setRefreshes((n) => n + 1) };
}
