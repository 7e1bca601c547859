// Requests to the API about legal holds, deletion and the audit log.
import { send, toQuery } from './requests.js';

/** @typedef {import('./requests.js').Alert} Alert */
/** @typedef {import('zod').infer<typeof import('../../audit/schema.ts').auditEntrySchema>} AuditEntry */
/** @typedef {{ action: string, target: string, actor: string, from: string, to: string }} AuditFilter An empty string matches everything. */

const path = (/** @type {string} */ uuid) => `/alerts/${encodeURIComponent(uuid)}`;

/** @param {string} uuid @param {string} reason @returns {Promise<Alert>} */
export function holdAlert(uuid, reason) {
  return send(`${path(uuid)}/hold`, { method: 'PUT', body: { reason } });
}

/** @param {string} uuid */
export function releaseAlert(uuid) {
  return send(`${path(uuid)}/hold`, { method: 'DELETE' });
}

/** @param {string} uuid */
export function deleteAlert(uuid) {
  return send(path(uuid), { method: 'DELETE' });
}

/** @param {AuditFilter} filter @param {string | null} cursor @param {AbortSignal} signal @returns {Promise<{ data: AuditEntry[], next_cursor: string | null }>} */
export function listAudit(filter, cursor, signal) {
  return send(`/audit${toQuery({ ...filter, limit: 50, cursor })}`, { signal });
}
