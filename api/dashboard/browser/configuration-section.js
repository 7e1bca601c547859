import { useState } from 'preact/hooks';
import { UntrustedText } from './format.js';
import { html } from './html.js';

/** @typedef {import('./key-requests.js').InstallationSettings} InstallationSettings */
/** @typedef {InstallationSettings['configuration'][number]} Variable */

const ORIGINS = { default: 'Default', environment: 'Environment', file: 'File' };

/**
 * Shows the variables of the api, or of a worker. The filter is part of the address.
 * @param {Pick<import('./main.js').PageProps, 'view' | 'navigate'> & { settings: InstallationSettings }} props
 */
export function ConfigurationSection({ settings: { configuration, process, workers }, view, navigate }) {
  const [selected, select] = useState('');
  const worker = workers?.find((each) => nameOf(each) === selected);
  const shown = (worker ?? { configuration }).configuration.filter((variable) => matches(variable, view.q));
  return html`
    <section class="configuration" aria-labelledby="configuration-title">
      <div class="list-header">
        <h2 id="configuration-title">Configuration of the ${worker ? 'worker' : process.component}</h2>
        <search class="filters"><label><span>Process</span>
          <select value=${worker ? selected : ''} onChange=${(/** @type {{ currentTarget: HTMLSelectElement }} */ e) => select(e.currentTarget.value)}>
            <option value="">${process.component} ${nameOf(process)}</option>
            ${(workers ?? []).map((each) => html`<option key=${nameOf(each)} value=${nameOf(each)}>worker ${nameOf(each)}</option>`)}
          </select>
        </label><label><span>Filter</span>
          <input type="search" value=${view.q} placeholder="Name, value or origin" maxlength="128" autocomplete="off"
            onInput=${(/** @type {{ currentTarget: HTMLInputElement }} */ e) => navigate({ q: e.currentTarget.value }, { replace: true })} />
        </label></search>
      </div>
      <table class="destination-table settings-table">
        <thead><tr><th>Variable</th><th>Value</th><th>Origin</th></tr></thead>
        <tbody>${shown.map((variable) => html`<${VariableRow} key=${variable.name} variable=${variable} />`)}</tbody>
      </table>
      <p class="note" role="status">${shown.length === 0 ? 'No variable matches the filter.' : ''}</p>
    </section>
  `;
}

/** @param {{ host: string, pid: number }} process */
function nameOf({ host, pid }) {
  return `${host}, process ${pid}`;
}

/** @param {{ variable: Variable }} props */
function VariableRow({ variable: { name, value, origin, file, hidden } }) {
  return html`
    <tr data-variable=${name}>
      <td><code>${name}</code></td>
      <td data-label="Value">
        ${value === null ? html`<span class="note">not set</span>` : html`<code><${UntrustedText}>${value}<//></code>`}
        ${hidden && html` <span class="badge">Secret hidden</span>`}
      </td>
      <td data-label="Origin">${ORIGINS[origin]}${file !== null && html` <code><${UntrustedText}>${file}<//></code>`}</td>
    </tr>
  `;
}

/** @param {Variable} variable @param {string} filter */
function matches({ name, value, origin, file }, filter) {
  const text = [name, value, origin, file].join('\n').toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
