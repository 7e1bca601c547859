// Requests to the API about retention. The types come from the schemas that the API validates its responses against.
import { send } from './requests.js';

/** @typedef {import('zod').infer<typeof import('../../retention/schema.ts').retentionSchema>} Retention */
/** @typedef {Retention['rules'][number]} Rule */
/** @typedef {import('zod').infer<typeof import('../../retention/schema.ts').previewResponseSchema>} Preview */
/** @typedef {Pick<Rule, 'store' | 'status' | 'days'>} NewRule */

/** @param {AbortSignal} [signal] @returns {Promise<Retention>} */
export function getRetention(signal) {
  return send('/retention', signal ? { signal } : {});
}

/** @param {NewRule} rule @returns {Promise<Rule>} */
export function setRule(rule) {
  return send('/retention/rules', { method: 'PUT', body: rule });
}

/** @param {string} id */
export function deleteRule(id) {
  return send(`/retention/rules/${encodeURIComponent(id)}`, { method: 'DELETE' });
}

/** Returns what a rule would delete. @param {NewRule} rule @returns {Promise<Preview>} */
export function previewRule(rule) {
  return send('/retention/preview', { method: 'POST', body: rule });
}

/** Returns what would be deleted without a rule. @param {Rule} rule @returns {Promise<Preview>} */
export function previewRemoval({ store, status }) {
  return send('/retention/preview', { method: 'POST', body: { store, status, remove: true } });
}
