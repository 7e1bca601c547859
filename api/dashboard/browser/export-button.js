import { useState } from 'preact/hooks';
import { formatNumber } from './format.js';
import { html } from './html.js';
import { toQuery } from './requests.js';

/** @typedef {import('./requests.js').Filter} Filter */
/** @typedef {import('./requests.js').Statistics} Statistics */

/**
 * Downloads the alerts of the filters as CSV. The browser authenticates itself as for the page: with the cookie of the login.
 * @param {{ filter: Filter, statistics: Statistics | null, notify: (text: string) => void }} props
 */
export function ExportButton({ filter, statistics, notify }) {
  const [checking, setChecking] = useState(false);
  const url = `/alerts/export${toQuery({ ...filter, bom: 'true' })}`;
  const count = countOf(filter, statistics);
  const onClick = async (/** @type {MouseEvent} */ event) => {
    event.preventDefault();
    if (checking) return;
    setChecking(true);
    const problem = await problemOf(url);
    setChecking(false);
    if (problem !== undefined) notify(`Cannot export: ${problem}`);
    // The response is an attachment: the browser saves it and stays on this page.
    else location.assign(url);
  };
  const title = 'Download the alerts of these filters, those that are not loaded included';
  return html`<a class="button" href=${url} title=${title} aria-disabled=${checking} onClick=${onClick}>Export CSV${count !== undefined && ` (${formatNumber(count)})`}</a>`;
}

/** Returns why there would be no file: the browser itself would only show that the download has failed. @param {string} url */
async function problemOf(url) {
  const response = await fetch(url, { method: 'HEAD', cache: 'no-store' }).catch(() => undefined);
  if (response === undefined) return 'the server cannot be reached.';
  if (response.ok) return undefined;
  const seconds = response.headers.get('retry-after');
  const later = seconds === null ? '' : ` Try again in ${seconds} seconds.`;
  if (response.status === 401) return 'you are logged out.';
  if (response.status === 429) return `too many exports or requests are running.${later}`;
  return `the server responded with status ${response.status}.${later}`;
}

/**
 * Returns the number of alerts if the statistics have it: they know the store and the time, the status and the failure code.
 * @param {Filter} filter
 * @param {Statistics | null} statistics
 */
function countOf({ q, held, triage, status, failure_code }, statistics) {
  if (!statistics?.complete || q !== '' || held !== '' || triage !== '') return undefined;
  if (failure_code !== '') {
    if (status !== '' && status !== 'failed') return 0;
    return statistics.failures.find(({ code }) => code === failure_code)?.count ?? 0;
  }
  if (status === '') return statistics.counted;
  return new Map(Object.entries(statistics.counts)).get(status);
}
