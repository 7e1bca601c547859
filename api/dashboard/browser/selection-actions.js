// What can be done with the selected alerts.
import { forEachLimited } from './for-each-limited.js';
import { formatCount } from './format.js';
import { html } from './html.js';
import { asRequestError, retryAlert, send } from './requests.js';
import { newRetryKey } from './retry-key.js';
import { acknowledgeableOf, retryableOf } from './selection-bar.js';

/** @typedef {import('./requests.js').Alert} Alert */
/** @typedef {import('./selection-dialog.js').Result} Result */
/** @typedef {(alerts: Alert[], signal: AbortSignal, onResults: (results: Result[]) => void) => Promise<void>} Run */
/**
 * @typedef {object} Action
 * @property {string} verb
 * @property {string} done What each alert is afterwards.
 * @property {(alerts: Alert[]) => Alert[]} suitable
 * @property {(suitable: number, others: number) => unknown} preview
 * @property {() => Run} createRun
 */

/** Requests at the same time: a browser has six connections to a server. */
const MAX_REQUESTS = 4;
/** A rate limit is waited for, at most this often and this long. */
const MAX_WAITS = 5;
const MAX_WAIT_S = 60;
/** As the API allows. */
const MAX_UUIDS = 200;

/** @type {{ retry: Action, acknowledge: Action }} */
export const ACTIONS = {
  retry: {
    verb: 'Retry',
    done: 'queued for retry',
    suitable: retryableOf,
    createRun: createRetries,
    preview: (suitable, others) => html`
      <p>
        <b>${formatCount(suitable, 'failed alert')}</b> ${suitable === 1 ? 'gets' : 'get'} a new round of attempts and
        ${suitable === 1 ? ' a notification of its own' : ' their own notifications'}, and ${suitable === 1 ? 'starts' : 'start'} at once.
      </p>
      ${others > 0 && html`<p class="note">${formatCount(others, 'other selected alert')} ${others === 1 ? 'has' : 'have'} not failed, or ${others === 1 ? 'is' : 'are'} from the archive: nothing changes there.</p>`}
    `,
  },
  acknowledge: {
    verb: 'Acknowledge',
    done: 'acknowledged',
    suitable: acknowledgeableOf,
    createRun: () => acknowledge,
    preview: (suitable, others) => html`
      <p><b>${formatCount(suitable, 'alert')}</b> ${suitable === 1 ? 'is' : 'are'} shown as acknowledged by you, and not as open.</p>
      ${others > 0 && html`<p class="note">${formatCount(others, 'other selected alert')} ${others === 1 ? 'is' : 'are'} acknowledged, or ${others === 1 ? 'has' : 'have'} nothing to acknowledge.</p>`}
    `,
  },
};

/** Returns a function that retries alerts, one request each, also for a second time. @returns {Run} */
function createRetries() {
  /** One for each alert: a second try after a lost response repeats the request. @type {Map<string, string>} */
  const keys = new Map();
  return (alerts, signal, onResults) =>
    forEachLimited(alerts, { limit: MAX_REQUESTS, signal }, async (alert) => {
      const key = keys.get(alert.uuid) ?? newRetryKey();
      keys.set(alert.uuid, key);
      const error = await errorOf(() => retryAlert(alert.uuid, key), signal);
      onResults([{ alert, error }]);
    });
}

/** Acknowledges alerts, 200 with each request. @type {Run} */
async function acknowledge(alerts, signal, onResults) {
  const groups = Array.from({ length: Math.ceil(alerts.length / MAX_UUIDS) }, (_, n) =>
    alerts.slice(n * MAX_UUIDS, (n + 1) * MAX_UUIDS),
  );
  await forEachLimited(groups, { limit: 1, signal }, async (group) => {
    /** @type {{ status: number, problem?: { detail: string } }[]} */
    let results = [];
    const error = await errorOf(async () => {
      const body = { uuids: group.map(({ uuid }) => uuid), acknowledged: true };
      ({ results } = await send('/alerts/triage', { method: 'POST', body }));
    }, signal);
    onResults(group.map((alert, n) => ({ alert, error: error || (results[n]?.problem?.detail ?? '') })));
  });
}

/** Returns '' or why a request failed. Sends it again after a rate limit. @param {() => Promise<unknown>} request @param {AbortSignal} signal */
async function errorOf(request, signal) {
  for (let waits = 0; ; waits += 1) {
    try {
      await request();
      return '';
    } catch (error) {
      const { status, message, retryAfterS } = asRequestError(error);
      if (status !== 429 || waits === MAX_WAITS || signal.aborted) return message;
      await new Promise((resolve) => setTimeout(resolve, Math.min(Math.max(1, retryAfterS), MAX_WAIT_S) * 1_000));
    }
  }
}
