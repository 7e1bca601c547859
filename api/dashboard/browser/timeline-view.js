import { Foreign, Moment, span } from './format.js';
import { html } from './html.js';

/** @typedef {import('./requests.js').Timeline} Timeline */

/** @type {Record<string, string>} */
const STEP_WORDS = {
  received: 'Received',
  queued: 'Queued',
  claimed: 'Claimed by a worker',
  probed: 'Video read',
  notified: 'Store notified',
};

/** Why is it late? Each step, its wait, and the longest of them. @param {{ timeline: Timeline }} props */
export function TimelineView({ timeline }) {
  const { steps, waiting, total_ms, summary } = timeline;
  const waits = steps.map(({ step, at, wait_ms }) =>
    at === null && waiting?.for === step ? waiting.ms : (wait_ms ?? 0),
  );
  const longest = Math.max(1, ...waits);
  return html`
    <section class="timeline" aria-labelledby="timeline-title">
      <h3 id="timeline-title">${waiting ? 'Why is it late?' : `Why it took ${span(total_ms)}`}</h3>
      <p><${Foreign}>${summary}<//></p>
      <ol>
        ${steps.map(({ step, at }, n) => {
          const goesOn = at === null && waiting?.for === step;
          const wait = waits[n] ?? 0;
          const known = goesOn || (at !== null && step !== 'received');
          return html`
            <li class=${`${at !== null ? 'done' : goesOn ? 'now' : 'ahead'}${known && wait === longest ? ' longest' : ''}`}>
              <span class="step">${STEP_WORDS[step] ?? step}</span>
              <span class="at">${at ? html`<${Moment} at=${at} />` : goesOn ? 'waiting' : '–'}</span>
              <span class="wait">${known ? `+${span(wait)}` : ''}</span>
              <span class="bar" aria-hidden="true">${known && html`<span style=${{ width: `${Math.max(1, (100 * wait) / longest)}%` }}></span>`}</span>
            </li>
          `;
        })}
      </ol>
      ${waiting && html`<p class="note">${span(total_ms)} since it was received.</p>`}
    </section>
  `;
}
