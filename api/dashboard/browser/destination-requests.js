// Requests to the API about destinations, deliveries and mutes.
import { send, toQuery } from './requests.js';

/** @typedef {import('zod').infer<typeof import('../../destinations/schema.ts').destinationSchema>} Destination */
/** @typedef {import('zod').infer<typeof import('../../destinations/schema.ts').testResultSchema>} TestResult */
/** @typedef {import('zod').infer<typeof import('../../destinations/schema.ts').rotatedSecretSchema>} RotatedSecret */
/** @typedef {import('zod').infer<typeof import('../../destinations/delivery-schema.ts').deliverySchema>} Delivery */
/** @typedef {import('zod').infer<typeof import('../../destinations/delivery-schema.ts').deliveryRetryResponseSchema>} DeliveryRetry */
/** @typedef {import('zod').infer<typeof import('../../destinations/mute-schema.ts').muteSchema>} Mute */
/** @typedef {Destination['kind']} Kind */
/** @typedef {Destination['health']} Health */
/** @typedef {Delivery['status']} DeliveryStatus */
/** @typedef {{ destination?: string, alert?: string, status?: string }} DeliveryFilter */

/** The API waits 20 s for a test before it responds. */
const TEST_TIMEOUT_MS = 30_000;

const path = (/** @type {string} */ id) => `/destinations/${encodeURIComponent(id)}`;

/** Returns the destinations without the built-in one. @param {AbortSignal} signal @returns {Promise<Destination[]>} */
export async function listDestinations(signal) {
  const { data } = await send('/destinations', { signal });
  return data.filter((/** @type {{ builtin?: boolean }} */ destination) => !destination.builtin);
}

/** @param {unknown} body @returns {Promise<Destination & { signing_secret?: string }>} */
export function createDestination(body) {
  return send('/destinations', { method: 'POST', body });
}

/** @param {string} id @param {unknown} body @returns {Promise<Destination>} */
export function changeDestination(id, body) {
  return send(path(id), { method: 'PATCH', body });
}

/** @param {string} id */
export function deleteDestination(id) {
  return send(path(id), { method: 'DELETE' });
}

/** Returns undefined if the attempt takes longer than the API waits. @param {string} id @returns {Promise<TestResult | undefined>} */
export async function testDestination(id) {
  const result = await send(`${path(id)}/test`, { method: 'POST', timeoutMs: TEST_TIMEOUT_MS });
  return typeof result?.delivered === 'boolean' ? result : undefined;
}

/** @param {string} id @returns {Promise<RotatedSecret>} */
export function rotateSecret(id) {
  return send(`${path(id)}/rotate-secret`, { method: 'POST' });
}

/** @param {DeliveryFilter} filter @param {number} limit @param {AbortSignal} signal @returns {Promise<{ data: Delivery[], next_cursor: string | null }>} */
export function listDeliveries(filter, limit, signal) {
  return send(`/deliveries${toQuery({ ...filter, limit })}`, { signal });
}

/** @param {string} id @returns {Promise<Delivery>} */
export function retryDelivery(id) {
  return send(`/deliveries/${encodeURIComponent(id)}/retry`, { method: 'POST' });
}

/** Retries the failed deliveries of a destination. @param {string} destination @param {boolean} dryRun @returns {Promise<DeliveryRetry>} */
export function retryDeliveries(destination, dryRun) {
  return send('/deliveries/retry', { method: 'POST', body: { destination, dry_run: dryRun } });
}

/** @param {AbortSignal} signal @returns {Promise<Mute[]>} */
export async function listMutes(signal) {
  return (await send('/mutes', { signal })).data;
}

/** @param {Record<string, string>} body @returns {Promise<Mute>} */
export function createMute(body) {
  return send('/mutes', { method: 'POST', body });
}

/** @param {string} id */
export function endMute(id) {
  return send(`/mutes/${encodeURIComponent(id)}`, { method: 'DELETE' });
}
