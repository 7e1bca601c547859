import { useState } from 'preact/hooks';
import { testDestination } from './destination-requests.js';
import { formatDuration, UntrustedText } from './format.js';
import { html } from './html.js';
import { asRequestError } from './requests.js';

/** @typedef {import('./destination-requests.js').Destination} Destination */
/** @typedef {import('./destination-requests.js').TestResult} TestResult */

/**
 * Shows the button that sends a test, next to the other buttons, and below them the receiver's response.
 * @param {{ destination: Destination, onDone: () => void, children?: unknown }} props
 */
export function DestinationTest({ destination, onDone, children }) {
  const [result, setResult] = useState(/** @type {TestResult | 'sending' | 'late' | Error | null} */ (null));
  async function test() {
    if (result === 'sending') return;
    setResult('sending');
    try {
      setResult((await testDestination(destination.id)) ?? 'late');
    } catch (error) {
      setResult(asRequestError(error));
    }
    onDone();
  }
  return html`
    <div class="buttons">
      <button class="primary" aria-disabled=${result === 'sending'} onClick=${test}>Send test</button>
      ${children}
    </div>
    <div class="test-result" role="status">${result && html`<${Result} result=${result} />`}</div>
  `;
}

/** @param {{ result: TestResult | 'sending' | 'late' | Error }} props */
function Result({ result }) {
  if (result === 'sending') return html`<p class="note">Sending …</p>`;
  if (result === 'late')
    return html`<p class="note">The attempt takes longer than 20 s. Its result appears among the deliveries.</p>`;
  if (result instanceof Error) return html`<p class="error">Cannot send a test: ${result.message}</p>`;
  const { delivered, status, body, error, ms } = result;
  const facts = [status === null ? '' : `status ${status}`, ms === null ? '' : formatDuration(ms)].filter(Boolean);
  return html`
    <div class=${delivered ? 'failure-box over' : 'failure-box'}>
      <p><b>${delivered ? 'Test delivered' : 'Test not delivered'}</b>${facts.length > 0 && `: ${facts.join(', ')}`}</p>
      ${error && html`<p class="failure-detail"><${UntrustedText}>${error}<//></p>`}
      <${ResponseBody} body=${body} />
    </div>
  `;
}

/** Shows the first kilobyte of a response as text. @param {{ body: string | null | undefined }} props */
export function ResponseBody({ body }) {
  if (!body) return null;
  // A focusable element, because it scrolls.
  return html`<pre class="response" tabindex="0" aria-label="Response"><${UntrustedText}>${body}<//></pre>`;
}
