// Requests to the API about playable copies and signed links.
import { send } from './requests.js';

/** @typedef {Pick<import('zod').infer<typeof import('../../media/copy-schema.ts').copySchema>, 'status' | 'progress' | 'detail'>} Copy `detail`: why there is none; null if none was requested. */

/** @param {string} uuid */
export function copyUrl(uuid) {
  return `/alerts/${encodeURIComponent(uuid)}/copy`;
}

/** Returns the state of a copy. The browser may have its file under the same address, also after the server has deleted it. @param {string} uuid @param {AbortSignal} signal @returns {Promise<Copy>} */
export async function getCopy(uuid, signal) {
  const { status, progress, reason, detail } = await send(copyUrl(uuid), { signal, cache: 'no-store' });
  return { status, progress, detail: reason === 'disabled' ? null : detail };
}

/** Requests a copy, also of a video that other browsers play. @param {string} uuid */
export function requestCopy(uuid) {
  return send(`${copyUrl(uuid)}?force=true`, { method: 'POST' });
}

/**
 * Returns an address that needs no key.
 * @param {string} uuid
 * @param {'picture' | 'copy'} of
 * @param {number} seconds
 * @returns {Promise<{ url: string, expires_at: string }>}
 */
export function createLink(uuid, of, seconds) {
  return send(`/alerts/${encodeURIComponent(uuid)}/links`, { method: 'POST', body: { of, expires_in: seconds } });
}

/** Makes all links of an alert invalid. @param {string} uuid */
export function revokeLinks(uuid) {
  return send(`/alerts/${encodeURIComponent(uuid)}/links`, { method: 'DELETE' });
}
