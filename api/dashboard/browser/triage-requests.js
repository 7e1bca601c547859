// Requests to the API about who works on an alert, and what they wrote.
import { send } from './requests.js';

/** @typedef {import('./requests.js').Alert} Alert */
/** @typedef {import('zod').infer<typeof import('../../triage/schema.ts').commentSchema>} Comment */

const path = (/** @type {string} */ uuid) => `/alerts/${encodeURIComponent(uuid)}`;

/** @param {string} uuid @param {{ acknowledged?: boolean, assignee?: string | null }} change @returns {Promise<Alert>} */
export function changeTriage(uuid, change) {
  return send(`${path(uuid)}/triage`, { method: 'PATCH', body: change });
}

/** @param {string} uuid @param {AbortSignal} signal @returns {Promise<{ data: Comment[] }>} */
export function listComments(uuid, signal) {
  return send(`${path(uuid)}/comments`, { signal });
}

/** @param {string} uuid @param {string} text @returns {Promise<Comment>} */
export function addComment(uuid, text) {
  return send(`${path(uuid)}/comments`, { method: 'POST', body: { text } });
}
