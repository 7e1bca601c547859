import { UntrustedText } from './format.js';
import { html } from './html.js';

/** @typedef {import('./key-requests.js').InstallationSettings} InstallationSettings */
/** @typedef {InstallationSettings['configuration'][number]} Variable */

const ORIGINS = { default: 'Default', environment: 'Environment', file: 'File' };

/**
 * Shows the variables of the api. The filter is part of the address.
 * @param {Pick<import('./main.js').PageProps, 'view' | 'navigate'> & { settings: InstallationSettings }} props
 */
export function ConfigurationSection({ settings: { configuration, process }, view, navigate }) {
  const shown = configuration.filter((variable) => matches(variable, view.q));
  return html`
    <section class="configuration" aria-labelledby="configuration-title">
      <div class="list-header">
        <h2 id="configuration-title">Configuration of the ${process.component}</h2>
        <search class="filters"><label><span>Filter</span>
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
