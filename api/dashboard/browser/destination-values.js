// Converts a destination to the values of its form's inputs, and back to the body of a request.
import { KINDS } from './destination-kinds.js';

/** @typedef {import('./destination-requests.js').Destination} Destination */
/** @typedef {import('./destination-requests.js').Kind} Kind */
/** @typedef {import('./destination-kinds.js').Field} Field */
/**
 * @typedef {object} Values
 * @property {Kind} kind
 * @property {string} name
 * @property {Record<string, string | boolean>} config By field.
 * @property {string[]} removed The secret fields to remove.
 * @property {string} stores One per line.
 * @property {string[]} events
 * @property {string[]} failure_codes
 * @property {boolean} grouped
 * @property {string} wait_s
 * @property {string} interval_s
 * @property {boolean} wait_for_picture
 */

/** Returns the values of a destination, or of a new one. @param {Destination | undefined} destination @returns {Values} */
export function valuesOf(destination) {
  const { kind = 'webhook', name = '', config = {}, filter, group, wait_for_picture = false } = destination ?? {};
  return {
    kind,
    name,
    config: configValues(kind, config),
    removed: [],
    stores: (filter?.stores ?? []).join('\n'),
    events: filter?.events ?? [],
    failure_codes: filter?.failure_codes ?? [],
    grouped: Boolean(group),
    wait_s: String(group?.wait_s ?? 30),
    interval_s: String(group?.interval_s ?? 300),
    wait_for_picture,
  };
}

/** Returns the values of the inputs of a kind; without `config`, the initial ones. @param {Kind} kind @param {Record<string, unknown>} [config] */
export function configValues(kind, config) {
  return Object.fromEntries(KINDS[kind].fields.map((field) => [field.name, inputValue(field, config)]));
}

/** @param {Field} field @param {Record<string, unknown>} [config] @returns {string | boolean} */
function inputValue({ name, type, initial = '' }, config) {
  const value = config?.[name];
  if (type === 'checkbox') return typeof value === 'boolean' ? value : initial === true;
  if (Array.isArray(value)) return value.join('\n');
  if (value !== undefined && value !== null) return String(value);
  return config === undefined || Object.keys(config).length === 0 ? initial : '';
}

/**
 * Returns the body that creates the destination (with its kind) or changes it.
 * @param {Values} values
 * @param {boolean} isNew
 */
export function bodyOf(values, isNew) {
  const { kind, name, stores, events, failure_codes, grouped, wait_s, interval_s, wait_for_picture } = values;
  const config = KINDS[kind].fields.flatMap((field) => {
    if (values.removed.includes(field.name)) return [[field.name, null]];
    const value = requestValue(field, values.config[field.name] ?? '', isNew);
    return value === undefined ? [] : [[field.name, value]];
  });
  return {
    name,
    ...(isNew ? { kind } : {}),
    config: Object.fromEntries(config),
    filter: { stores: linesOf(stores), events, failure_codes },
    group: grouped ? { by: 'store', wait_s: toNumber(wait_s), interval_s: toNumber(interval_s) } : null,
    wait_for_picture,
  };
}

/** Returns undefined for a field that the request leaves out. @param {Field} field @param {string | boolean} value @param {boolean} isNew */
function requestValue({ name, type, required = false, secret = false }, value, isNew) {
  if (typeof value === 'boolean') return value;
  // The API then rejects a required field at its input.
  if (value.trim() === '' && !(required && (isNew || !secret))) return undefined;
  if (type === 'number' || name === 'priority') return toNumber(value);
  if (type === 'lines') return linesOf(value);
  if (type === 'headers') return headersOf(value);
  return type === 'multiline' ? value : value.trim();
}

/** Returns null for what is no number: the API rejects it. @param {string} text */
function toNumber(text) {
  return text.trim() === '' || Number.isNaN(Number(text)) ? null : Number(text);
}

/** @param {string} text */
function linesOf(text) {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** @param {string} text */
function headersOf(text) {
  return Object.fromEntries(
    linesOf(text).map((line) => {
      const colon = line.indexOf(':');
      return colon < 0 ? [line, ''] : [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
    }),
  );
}
