import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { usageError } from '../command.ts';
import type { Backend } from '../stack.ts';

export const USAGE = `Usage: npm run capacity -- [options]

Starts a complete stack on 127.0.0.1, measures the processor time and bytes per alert of api, worker, PostgreSQL and
Redis at saturation, predicts the throughput of more processes and more cores, and measures what this machine can run.

  --backend redis|postgres   where the queue is (default redis)
  --set avi|samples          videos: one AVI of 487 kB, or the five bundled samples, without ffmpeg (default avi)
  --seconds S                duration of each load, 1 to 60 (default 8, with --quick 3), or of the day,
                             24 to 600 (default 240)
  --alerts N                 number of alerts of each load instead, 10 to 100000
  --cores N                  also predict for a machine with N cores, 1 to 1024 (default 4, 8 and 16)
  --quick                    3 seconds; of the other configurations, measure only the largest
  --simulate                 instead: a day of many stores, with bursts and 1 % failing cameras, in some minutes
  --stores N                 of the simulation, 10 to 100000 (default 10000)
  --rate N                   average alerts/s of the simulation, 1 to 500 (default 40)
  --seed N                   of the simulation: the same seed gives the same alerts (default 1)
  --chart FILE               write a chart of the simulation as SVG
  --minutes N                time limit of the whole run, 0.1 to 60 (default 10)
  --json                     print the report as JSON
  --help                     print this text`;

const fields = z.object({
  backend: z.enum(['redis', 'postgres'], 'must be redis or postgres').default('redis'),
  set: z.enum(['avi', 'samples'], 'must be avi or samples').default('avi'),
  seconds: z.coerce.number().min(1).max(600, 'must be 1 to 600').optional(),
  simulate: z.boolean().default(false),
  stores: z.coerce.number().int().min(10).max(100_000, 'must be 10 to 100000').default(10_000),
  rate: z.coerce.number().min(1).max(500, 'must be 1 to 500').default(40),
  seed: z.coerce
    .number()
    .int()
    .min(0)
    .max(2 ** 32 - 1, 'must be 0 to 4294967295')
    .default(1),
  chart: z.string().min(1).optional(),
  alerts: z.coerce.number().int().min(10).max(100_000, 'must be 10 to 100000').optional(),
  cores: z.coerce.number().int().min(1).max(1_024, 'must be 1 to 1024').optional(),
  minutes: z.coerce.number().min(0.1).max(60, 'must be 0.1 to 60').default(10),
  quick: z.boolean().default(false),
  json: z.boolean().default(false),
});

export type CapacityOptions = {
  backend: Backend;
  set: 'avi' | 'samples';
  seconds: number;
  /** Of each load; undefined: as many as take `seconds`. */
  alerts: number | undefined;
  /** Of the machines that the predictions are for; the first is this one. */
  cores: number[];
  simulate: boolean;
  stores: number;
  /** Average alerts per second of the simulation. */
  rate: number;
  seed: number;
  chart: string | undefined;
  minutes: number;
  quick: boolean;
  json: boolean;
};

const OTHER_MACHINES = [4, 8, 16];

/** Reads the command line; undefined if it requests help. Throws one sentence for each error, and the usage. */
export function readCapacityOptions(args: string[], here = availableParallelism()): CapacityOptions | undefined {
  try {
    const text = { type: 'string' } as const;
    const flag = { type: 'boolean' } as const;
    const { values } = parseArgs({
      args,
      options: {
        ...{ backend: text, set: text, seconds: text, alerts: text, cores: text, minutes: text },
        ...{ stores: text, rate: text, seed: text, chart: text, simulate: flag },
        ...{ quick: flag, json: flag, help: flag },
      },
    });
    if (values.help) return undefined;
    const given = fields.parse(values);
    const others = given.cores === undefined ? OTHER_MACHINES : [given.cores];
    return {
      ...given,
      alerts: given.alerts,
      chart: given.chart,
      seconds: secondsOf(given),
      cores: [...new Set([here, ...others])],
    };
  } catch (error) {
    throw usageError(error, USAGE);
  }
}

function secondsOf({ seconds, simulate, quick }: z.output<typeof fields>): number {
  const given = seconds ?? (simulate ? 240 : quick ? 3 : 8);
  if (simulate ? given < 24 : given > 60) throw new Error(`--seconds: must be ${simulate ? '24 to 600' : '1 to 60'}`);
  return given;
}
