import { useEffect, useState } from 'preact/hooks';
import { UntrustedText } from './format.js';
import { html } from './html.js';
import { findStores } from './requests.js';
import { Time } from './time.js';

/** @typedef {import('./requests.js').Filter} Filter */
/** @typedef {import('./view.js').Navigate} Navigate */

const MAX_SUGGESTED = 5;

/**
 * Shows why the list is empty, with stores of a similar name if the filter names none.
 * @param {{ filter: Filter, range: string, navigate: Navigate, onClear: () => void }} props
 */
export function EmptyList({ filter, range, navigate, onClear }) {
  const { status, store, failure_code, q, triage, from } = filter;
  const filtered = status !== '' || store !== '' || failure_code !== '' || q !== '' || triage !== '';
  const title = range === 'all' ? 'No alerts received yet.' : 'No alerts in this period.';
  const showAll = () => navigate({ range: 'all', from: '', to: '' });
  return html`
    <div class="list-end empty" role="status">
      <p><b>${filtered ? 'No alert matches.' : title}</b></p>
      <${Suggestions} text=${store || q} navigate=${navigate} />
      ${from !== '' && html`<p class="note">Showing alerts received since <${Time} at=${from} withZone />.</p>`}
      ${range === 'all' && !filtered && html`<p class="note">Alerts appear here as soon as they are posted to <code>/alerts</code>.</p>`}
      <p>
        ${filtered && html`<button onClick=${onClear}>Clear filters</button>`}
        ${range !== 'all' && html` <button onClick=${showAll}>Show any time</button>`}
      </p>
    </div>
  `;
}

/** @param {{ text: string, navigate: Navigate }} props */
function Suggestions({ text, navigate }) {
  const names = useSimilarStores(text);
  if (names.length === 0) return null;
  return html`
    <p>
      Stores with a similar name:${' '}
      ${names.map((name, n) => html`${n > 0 && ', '}<button class="link" onClick=${() => navigate({ store: name, q: '' })}><${UntrustedText}>${name}<//></button>`)}
    </p>
  `;
}

/** Returns the stores whose name contains the text or resembles it; none if a store has exactly this name. @param {string} text */
function useSimilarStores(text) {
  const [names, setNames] = useState(/** @type {string[]} */ ([]));
  useEffect(() => {
    setNames([]);
    if (text === '') return;
    const closed = new AbortController();
    findStores(text, closed.signal).then(
      ({ data, similar }) => {
        if (closed.signal.aborted) return;
        setNames(data.includes(text) ? [] : [...data, ...similar].slice(0, MAX_SUGGESTED));
      },
      () => {}, // the list says that no alert matches; suggestions are an extra
    );
    return () => closed.abort();
  }, [text]);
  return names;
}
