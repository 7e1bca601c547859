import { z } from 'zod';
import { singleFlight } from '#async/single-flight.ts';
import type { StaleReads } from '#prisma/replica.ts';
import { listStores } from '#prisma/stores.ts';
import { pageLimit } from '../http/query-fields.ts';
import { searchText } from './schema.ts';

const MAX_STORES = 10_000;
// 1,000 names take 30 ms to read. Reading them uses at most 1/50 of the time.
const REFRESH_MS = 5_000;
const INTERVAL_PER_DURATION = 50;
const MAX_SIMILAR = 5;
// "Berlin" and "Brelin" have a similarity of 0.57: they share 4 of 7 pairs of characters.
const MIN_SIMILARITY = 0.3;

/** The query of GET /alerts/stores. */
export const storeQuerySchema = z.strictObject({
  q: searchText.optional().meta({ description: 'Part of the name, in upper or lower case.' }),
  limit: pageLimit(20),
});

export const storeListSchema = z
  .strictObject({
    data: z.array(z.string()).meta({ description: 'Names that contain `q`, or all names without it.' }),
    total: z.int().min(0).meta({ description: 'Number of such names, those beyond `limit` included.' }),
    similar: z
      .array(z.string())
      .meta({ description: 'If no name contains `q`: the most similar names, at most five.' }),
  })
  .meta({ id: 'StoreList' });

export type StoreNames = {
  /** Returns the names that contain the text, in alphabetical order. `stores`: the ones that the client may access. */
  containing(text: string, stores: readonly string[] | undefined): Promise<string[]>;
  /** Returns the most similar names, the best first. */
  similarTo(text: string, stores: readonly string[] | undefined): Promise<string[]>;
};

/** Returns the names of the stores that have alerts, read again when they are 5 s old. */
export function createStoreNames(staleReads: StaleReads): StoreNames {
  let names: string[] = [];
  let nextReadAt = 0;
  const read = singleFlight(async () => {
    const startedAt = performance.now();
    names = (await staleReads((db) => listStores(db, MAX_STORES))).sort((a, b) => a.localeCompare(b));
    const now = performance.now();
    nextReadAt = now + Math.max(REFRESH_MS, (now - startedAt) * INTERVAL_PER_DURATION);
  });
  const allowed = async (stores: readonly string[] | undefined) => {
    if (performance.now() >= nextReadAt) await read();
    return stores === undefined ? names : names.filter((name) => stores.includes(name));
  };
  return {
    async containing(text, stores) {
      const lower = text.toLowerCase();
      return (await allowed(stores)).filter((name) => name.toLowerCase().includes(lower));
    },
    async similarTo(text, stores) {
      const rated = (await allowed(stores)).map((name) => ({ name, similarity: similarity(text, name) }));
      return rated
        .filter((each) => each.similarity >= MIN_SIMILARITY)
        .sort((a, b) => b.similarity - a.similarity)
        .slice(0, MAX_SIMILAR)
        .map(({ name }) => name);
    },
  };
}

/** Returns the share of common pairs of neighbouring characters (Dice's coefficient): 0 to 1. */
export function similarity(a: string, b: string): number {
  const [pairsOfA, pairsOfB] = [pairsOf(a), pairsOf(b)];
  return (2 * [...pairsOfA].filter((pair) => pairsOfB.has(pair)).length) / (pairsOfA.size + pairsOfB.size);
}

/** The first and last character form a pair with a space, so that short names can be similar too. */
function pairsOf(text: string): Set<string> {
  const padded = ` ${text.toLowerCase()} `;
  return new Set(Array.from({ length: padded.length - 1 }, (_, n) => padded.slice(n, n + 2)));
}
