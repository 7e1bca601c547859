import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseUnavailable } from '#prisma/errors.ts';
import { sendRedisCommand, waitForRedis } from '#test/harness/redis.ts';
import type { TcpProxy } from '#test/harness/tcp-proxy.ts';
import { type Aim, FAULTS, type FaultKind, type Step } from './faults.ts';
import type { History } from './history.ts';
import { isAt } from './observe.ts';
import type { Part } from './part.ts';
import type { Stack } from './stack.ts';

export type Injector = {
  /** Blows that were not struck because the last one on the same thing was still felt. */
  skipped(): number;
  /** Strikes no more; resolves when whatever was hit is up again. Rejects where something stays away. */
  rest(): Promise<void>;
};

/** Begins to strike by the plan, and notes each blow in the ledger. */
export function startInjector(house: Stack, plan: Iterator<Step>, ledger: History, signal: AbortSignal): Injector {
  const resting = new AbortController();
  const underway = new Map<string, Promise<void>>();
  const faults: unknown[] = [];
  let skipped = 0;
  const strikeAll = async () => {
    for (;;) {
      const step: Step = plan.next().value;
      await sleep(step.pauseMs, undefined, { signal: AbortSignal.any([signal, resting.signal]) });
      const place = placeOf(house, step);
      if (underway.has(place)) {
        skipped += 1;
        continue;
      }
      const blow = strike(house, step, ledger, signal)
        .catch((error: unknown) => void faults.push(error))
        .finally(() => underway.delete(place));
      underway.set(place, blow);
    }
  };
  const striking = strikeAll().catch((error: unknown) => {
    if (!signal.aborted && !resting.signal.aborted) faults.push(error);
  });
  return {
    skipped: () => skipped,
    async rest() {
      resting.abort();
      await striking;
      await Promise.all(underway.values());
      if (faults.length > 0) throw new AggregateError(faults, `the hand itself failed: ${faults.join('; ')}`);
    },
  };
}

/** Blows on one place never overlap. */
function placeOf(house: Stack, { kind, which }: Step): string {
  const { on } = FAULTS[kind];
  if (on === 'worker' || on === 'api') return `${on}-${which}`;
  return on === 'queue' && house.backend === 'postgres' ? 'database' : on;
}

/** One blow; resolves when what it hit is up again. */
export async function strike(house: Stack, step: Step, ledger: History, signal: AbortSignal): Promise<void> {
  const part = partOf(house, step);
  // Without an end until it has one: what happens meanwhile is seen to be meanwhile.
  const blow = { kind: step.kind, hit: part?.processName(), from: Date.now(), to: Number.POSITIVE_INFINITY };
  ledger.blows.push(blow);
  try {
    if (part && (step.kind === 'kill worker' || step.kind === 'stop worker')) {
      await catchAt(step.aim, house, part);
      blow.from = Date.now();
    }
    if (part) await strikePart(part, step, signal);
    else await STRIKES[step.kind]?.(house, step, signal);
  } finally {
    blow.to = Date.now();
  }
  // Dead on purpose for a moment, the window for as long as its successor takes.
  if (!part) return;
  await part.start(signal);
  if (part === house.redis) await waitForRedis(house.redisPort);
  if (part === house.window || part === house.redis) blow.to = Date.now();
}

function partOf(house: Stack, { kind, which }: Step): Part | undefined {
  if (kind === 'kill redis' || kind === 'stop redis') return house.redis;
  if (kind === 'kill window') return house.window;
  const { on } = FAULTS[kind];
  return on === 'worker' ? house.workers[which] : on === 'api' ? house.apis[which] : undefined;
}

const CATCH_WITHIN_MS = 3_000;

/** Waits for the moment in which a kill or a stop hurts; an attempt takes some 30 ms, so most others would hit nothing. */
async function catchAt(aim: Aim, { database }: Stack, worker: Part): Promise<void> {
  const caught = async (incarnation: string) => {
    try {
      return await isAt(aim, database, incarnation);
    } catch (error) {
      if (error instanceof DatabaseUnavailable) return true; // being restarted: that is a moment that hurts, too
      throw error;
    }
  };
  await worker.creep(caught, CATCH_WITHIN_MS);
}

async function strikePart(part: Part, { kind, forMs }: Step, signal: AbortSignal): Promise<void> {
  if (kind.startsWith('kill ')) await part.kill();
  else if (kind.startsWith('stop ')) await part.pauseFor(forMs, signal);
  else await part.terminate();
}

type Strike = (house: Stack, step: Step, signal: AbortSignal) => Promise<void>;

const STRIKES: Partial<Record<FaultKind, Strike>> = {
  async 'cut redis clients'({ redisPort }) {
    await sendRedisCommand(redisPort, 'CLIENT KILL TYPE normal');
  },
  'stall queue': ({ queueProxy }, { forMs }, signal) => silence(queueProxy, forMs, signal, false),
  'half-open queue': ({ queueProxy }, { forMs }, signal) => silence(queueProxy, forMs, signal, true),
  'flush queue': (house) => house.flushQueue(),
  'cut database clients': ({ database }) => database.cutClients(),
  // Of databases there is no second one to hit: every other time it crashes.
  'restart database': ({ database }, { which }) => database.restart({ crash: which === 1 }),
  'stall database': ({ database }, { forMs }, signal) => silence(database.proxy, forMs, signal, false),
  'half-open database': ({ database }, { forMs }, signal) => silence(database.proxy, forMs, signal, true),
};

async function silence(proxy: TcpProxy, ms: number, signal: AbortSignal, forgotten: boolean): Promise<void> {
  proxy.freeze();
  await sleep(ms, undefined, { signal }).catch(() => {}); // aborted: thaw at once
  proxy.thaw(forgotten ? 'abandon' : 'resume');
}
