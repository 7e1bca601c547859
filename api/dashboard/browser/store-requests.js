// Requests to the API about stores. The types come from the schemas that the API validates its responses against.
import { send, toQuery } from './requests.js';

/** @typedef {import('../../stores/schema.ts').StorePage} StorePage */
/** @typedef {import('../../stores/schema.ts').StoreOverview} StoreOverview */
/** @typedef {import('../../stores/schema.ts').Sort} Sort */
/** @typedef {import('../../stores/schema.ts').Order} Order */
/** @typedef {{ period: string, q: string, sort: string, order: string }} StoreQuery An empty string is the API's default. */

const PAGE = 100;

/** @param {StoreQuery} query @param {string | null} cursor @param {AbortSignal} signal @returns {Promise<StorePage>} */
export function listStores(query, cursor, signal) {
  return send(`/stores${toQuery({ ...query, limit: PAGE, cursor })}`, { signal });
}
