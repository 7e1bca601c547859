/**
 * What waits in the queue. `first`: the lowest priority above 0 among the waiting jobs. `empty`: no job waits. Jobs with a
 * delay do not count.
 */
export type Waiting = { first: number | undefined; empty: boolean };

export type FairOrder = {
  /**
   * Calls `send` with a priority for each job, in their order: 0 is next, higher numbers later. Calls start in the order of
   * the jobs. Rejects as `send` does, or if the queue cannot be read.
   */
  add(jobs: FairJob[], send: (priorities: number[]) => Promise<void>): Promise<void>;
};

type FairJob = { store?: string | undefined; notBefore?: Date | null | undefined };

/**
 * Jobs of a store in each round. The first ones of a quiet store pass the backlog of others, and the first ones of a store that
 * becomes busy pass before its others wait: with two producers eight, so an alert of another store is among the next ten.
 */
const JOBS_PER_ROUND = 4;

/** BullMQ's highest priority. A backlog of four times as many jobs of one store is in order; further ones share it. */
const MAX_PRIORITY = 2 ** 21 - 1;

/** Between two reads while a store has more jobs than fit into a round. A busy producer adds about 100 jobs in this time. */
const READ_INTERVAL_MS = 100;

/** Between two reads otherwise: later, a store would have to wait for alerts that were processed long ago. */
const FORGET_INTERVAL_MS = 10_000;

/** Bounds the memory at 4 MB. A store that sent nothing for longer than 20,000 others did has no jobs waiting, or soon none. */
const MAX_STORES = 20_000;

/**
 * Orders the jobs of busy stores in rounds, so that each round contains a few jobs of each store: start-time fair queueing.
 * The queue dispatches jobs with priority 0 first, then by priority. A job's priority is its round.
 *
 * The clock is the queue itself: `current` is the earliest round that still waits. A store without jobs in this or a later
 * round uses the round before it, which passes everything that waits: priority 0. Its further jobs get the next rounds. As
 * only dispatched jobs advance the clock, no rate has to be estimated. A round comes after at most JOBS_PER_ROUND jobs of each
 * store and producer in each round before it, so no job waits forever.
 *
 * The counts are of this process only; other producers have their own. The queue is read while a store has more jobs than
 * fit into a round, and otherwise every ten seconds at most.
 */
export function createFairOrder(readWaiting: () => Promise<Waiting>, now = () => performance.now()): FairOrder {
  // The position of the store's last job in the sequence of its rounds.
  const positions = new Map<string, number>();
  let current = 1;
  let readAt = Number.NEGATIVE_INFINITY;
  let previous: Promise<unknown> = Promise.resolve();
  const sending = new Set<Promise<void>>();

  const roundOf = (position: number) => Math.floor(position / JOBS_PER_ROUND);
  const nextPosition = (key: string) => Math.max((positions.get(key) ?? -1) + 1, (current - 1) * JOBS_PER_ROUND);
  const apply = ({ first, empty }: Waiting) => {
    current = first ?? 1;
    for (const [key, position] of positions) {
      if (first === undefined && !empty) {
        // All that had to wait was dispatched. What still waits has priority 0: no store gets more of it until it was.
        positions.set(key, Math.min(position, JOBS_PER_ROUND - 1));
      } else if (first === undefined || position + 1 <= (first - 1) * JOBS_PER_ROUND) {
        positions.delete(key);
      }
    }
  };
  /** Jobs that are being added would be missing from what is read, and their store would count as quiet. */
  const read = async () => {
    await Promise.allSettled(sending);
    apply(await readWaiting());
    readAt = now();
  };
  const prioritize = (key: string): number => {
    const position = nextPosition(key);
    positions.delete(key); // the store that sent last is last
    positions.set(key, position);
    const [oldest] = positions.size > MAX_STORES ? positions.keys() : [];
    if (oldest !== undefined) positions.delete(oldest);
    return roundOf(position) < current ? 0 : Math.min(roundOf(position), MAX_PRIORITY);
  };
  const start = async (jobs: FairJob[], send: (priorities: number[]) => Promise<void>) => {
    const keys = jobs.map(keyOf);
    const fits = ([key, count]: [string, number]) => roundOf(nextPosition(key) + count - 1) < current;
    const age = now() - readAt;
    const due = age >= FORGET_INTERVAL_MS && keys.some((key) => positions.has(key));
    if (due || (age >= READ_INTERVAL_MS && !countOf(keys).every(fits))) await read();
    const sent = send(keys.map(prioritize));
    sending.add(sent);
    const done = () => void sending.delete(sent);
    sent.then(done, done);
    return { sent };
  };
  return {
    async add(jobs, send) {
      const started = previous.then(() => start(jobs, send));
      previous = started.catch(() => {}); // reported to this caller; the next one tries again
      await (await started).sent;
    },
  };
}

function countOf(keys: string[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return [...counts];
}

/** Delayed jobs are counted separately: a bulk retry that is spread over hours does not move a store's new alerts back. */
function keyOf({ store, notBefore }: FairJob): string {
  const delayed = notBefore != null && notBefore.getTime() > Date.now();
  return `${delayed ? 'delayed' : 'due'} ${store ?? ''}`;
}
