// Requests to the API about keys and settings. The types come from the schemas that the API validates its responses against.
import { send } from './requests.js';

/** @typedef {import('zod').infer<typeof import('../../keys/schema.ts').keySchema>} Key */
/** @typedef {import('zod').infer<typeof import('../../keys/schema.ts').createdKeySchema>} CreatedKey */
/** @typedef {import('zod').infer<typeof import('../../keys/schema.ts').rotatedKeySchema>} RotatedKey */
/** @typedef {import('zod').infer<typeof import('../../settings/schema.ts').settingsSchema>} InstallationSettings */

/** @param {AbortSignal} signal @returns {Promise<Key[]>} */
export async function listKeys(signal) {
  return (await send('/keys', { signal })).data;
}

/** @param {{ name: string, scopes: string[], stores: string[], expires_at: string | null }} key @returns {Promise<CreatedKey>} */
export function createKey(key) {
  return send('/keys', { method: 'POST', body: key });
}

/** @param {string} id @param {string} overlap @returns {Promise<RotatedKey>} */
export function rotateKey(id, overlap) {
  return send(`/keys/${encodeURIComponent(id)}/rotate`, { method: 'POST', body: { overlap } });
}

/** @param {string} id */
export function revokeKey(id) {
  return send(`/keys/${encodeURIComponent(id)}`, { method: 'DELETE' });
}

/** @param {AbortSignal} signal @returns {Promise<InstallationSettings>} */
export function getSettings(signal) {
  return send('/settings', { signal });
}
