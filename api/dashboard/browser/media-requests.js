// Requests to the API about playable copies and signed links.
import { RequestError, send } from './requests.js';

/**
 * @typedef {object} Copy
 * @property {'ready' | 'pending' | 'none'} status
 * @property {number} progress From 0 to 1.
 * @property {string} detail Why there is none; '' if none was requested.
 */

/** @param {string} uuid */
export function copyUrl(uuid) {
  return `/alerts/${encodeURIComponent(uuid)}/copy`;
}

/** Returns the state of a copy. @param {string} uuid @param {AbortSignal} signal @returns {Promise<Copy>} */
export async function getCopy(uuid, signal) {
  // One byte instead of the whole file, and from the server: the browser may still have a copy that the server has deleted.
  const headers = { accept: 'application/json', range: 'bytes=0-0' };
  const response = await fetch(copyUrl(uuid), { headers, signal, cache: 'no-store' }).catch((error) => {
    if (signal.aborted) throw error;
    throw new RequestError(0, 'The server cannot be reached.');
  });
  if (response.status === 200 || response.status === 206) return { status: 'ready', progress: 1, detail: '' };
  const body = await response.json().catch(() => ({}));
  if (response.status === 202) return { status: 'pending', progress: body.progress ?? 0, detail: '' };
  if (response.status === 404)
    return { status: 'none', progress: 0, detail: requested(body.reason) ? body.detail : '' };
  throw new RequestError(response.status, body.detail ?? `The server responded with status ${response.status}.`);
}

/** Returns whether the reason is about a copy that was requested. @param {string | null | undefined} reason */
function requested(reason) {
  return Boolean(reason) && reason !== 'disabled';
}

/** @param {string} uuid */
export function requestCopy(uuid) {
  return send(copyUrl(uuid), { method: 'POST' });
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
