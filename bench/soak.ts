import { sendRedisCommand } from '#test/harness/redis.ts';
import { IN_FLIGHT } from './bench.ts';
import { measureFlow } from './measure.ts';
import { residentBytesOf } from './processes.ts';
import type { Soaked } from './report.ts';
import type { Stack } from './stack.ts';
import type { Truth } from './video-sets.ts';

const PIECES = 20;
const MIB = 1024 * 1024;

/** Sends so many alerts through one house, whose rows stay, and looks at its memory after each twentieth. */
export async function measureSoak(
  house: Stack,
  truths: readonly Truth[],
  { alerts, say, signal }: { alerts: number; say: (line: string) => void; signal: AbortSignal },
): Promise<Soaked[]> {
  const soaked: Soaked[] = [];
  const count = Math.ceil(alerts / PIECES);
  for (let piece = 1; piece <= PIECES; piece += 1) {
    const pace = { kind: 'closed', inFlight: IN_FLIGHT } as const;
    const { processedPerS, wrong, missing } = await measureFlow(house, truths, { count, pace, keepRows: true }, signal);
    const found = { alerts: count * piece, processedPerS, wrong, missing, ...(await memoryOf(house)) };
    soaked.push(found);
    const { apiMib, workerMib, redisMib } = found;
    const sizes = [apiMib, workerMib, redisMib ?? Number.NaN].map((mib) => mib.toFixed(1)).join(', ');
    say(`${found.alerts} alerts: api, worker, redis ${sizes} MiB, ${Math.round(processedPerS)}/s`);
  }
  return soaked;
}

async function memoryOf(house: Stack): Promise<Pick<Soaked, 'apiMib' | 'workerMib' | 'redisMib'>> {
  const [api, worker] = await Promise.all([residentBytesOf(house.pids('api')), residentBytesOf(house.pids('worker'))]);
  const redis = house.redisPort === undefined ? null : await redisBytes(house.redisPort);
  return { apiMib: api / MIB, workerMib: worker / MIB, redisMib: redis === null ? null : redis / MIB };
}

async function redisBytes(port: number): Promise<number> {
  const used = /^used_memory:(\d+)/m.exec(await sendRedisCommand(port, 'INFO memory'))?.[1];
  if (used === undefined) throw new Error('redis does not tell its memory');
  return Number(used);
}
