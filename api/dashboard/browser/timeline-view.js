import { formatCount, formatDuration, UntrustedText } from './format.js';
import { html } from './html.js';
import { Status } from './status.js';
import { Time, zoneName } from './time.js';

/** @typedef {import('./requests.js').Timeline} Timeline */

/** @type {Record<Timeline['steps'][number]['step'], string>} */
const STEP_LABELS = {
  received: 'Received',
  queued: 'Queued',
  claimed: 'Claimed by a worker',
  probed: 'Video read',
  notified: 'Store notified',
};

/** @type {Record<Timeline['triage'][number]['action'], string>} */
const TRIAGE_LABELS = {
  acknowledged: 'Acknowledged',
  reopened: 'Reopened',
  assigned: 'Assigned',
  commented: 'Commented on',
};

/** Shows each step of an alert and the time before it; highlights the longest wait. @param {{ timeline: Timeline }} props */
export function TimelineView({ timeline }) {
  const { steps, waiting, total_ms, summary } = timeline;
  const waits = steps.map(({ step, at, wait_ms }) =>
    at === null && waiting?.for === step ? waiting.ms : (wait_ms ?? 0),
  );
  const longest = Math.max(1, ...waits);
  return html`
    <section class="timeline" aria-labelledby="timeline-title">
      <h3 id="timeline-title">${waiting ? 'Why is it late?' : `Why it took ${formatDuration(total_ms)}`}</h3>
      <p><${UntrustedText}>${summary}<//></p>
      <ol>
        ${steps.map(({ step, at }, n) => {
          const current = at === null && waiting?.for === step;
          const wait = waits[n] ?? 0;
          const hasWait = current || (at !== null && step !== 'received');
          const state = at !== null ? 'done' : current ? 'current' : 'upcoming';
          return html`
            <li class=${hasWait && wait === longest ? `${state} longest` : state}>
              <span class="step">${STEP_LABELS[step]}</span>
              <span class="at">${at ? html`<${Time} at=${at} />` : current ? 'waiting' : '–'}</span>
              <span class="wait">${hasWait ? `+${formatDuration(wait)}` : ''}</span>
              <span class="wait-bar" aria-hidden="true">${hasWait && html`<span style=${{ width: `${Math.max(1, (100 * wait) / longest)}%` }}></span>`}</span>
            </li>
          `;
        })}
      </ol>
      <p class="note">${waiting && `Received ${formatDuration(total_ms)} ago. `}Times in ${zoneName()}.</p>
      ${timeline.triage?.length > 0 && html`<${TriageEvents} events=${timeline.triage} />`}
      ${timeline.rounds.length > 1 && html`<${Rounds} rounds=${timeline.rounds} />`}
    </section>
  `;
}

/** Shows who did what with the alert, and when. @param {{ events: Timeline['triage'] }} props */
function TriageEvents({ events }) {
  return html`
    <h3>Triage</h3>
    <ol class="triage-events">
      ${events.map(
        (event) => html`
          <li class="done">
            <span class="step">${TRIAGE_LABELS[event.action]}${event.action === 'assigned' && html` ${event.assignee === null ? 'to nobody' : html`to <${UntrustedText}>${event.assignee}<//>`}`} by <b><${UntrustedText}>${event.by}<//></b></span>
            <span class="at"><${Time} at=${event.at} /></span>
          </li>
        `,
      )}
    </ol>
  `;
}

/** Shows every round of attempts: each retry starts one. @param {{ rounds: Timeline['rounds'] }} props */
function Rounds({ rounds }) {
  return html`
    <h3>Rounds of attempts</h3>
    <ul class="rounds">
      ${rounds.map(
        ({ number, status, started_at, ms, attempts, failure }) => html`
          <li>
            <b>${number}.</b> <${Status} status=${status} /> <${Time} at=${started_at} />, ${formatDuration(ms)}, ${formatCount(attempts, 'attempt')}
            ${failure && html`<span class="note"><code>${failure.code}</code> <${UntrustedText}>${failure.detail}<//></span>`}
          </li>
        `,
      )}
    </ul>
  `;
}
