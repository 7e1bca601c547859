import { parseArgs } from 'node:util';
import { z } from 'zod';
import { usageError } from './command.ts';
import type { Backend } from './stack.ts';
import { SET_NAMES, type SetName } from './video-sets.ts';

export const USAGE = `Usage: npm run bench -- [options]

Starts a complete stack on 127.0.0.1 for each backend, loads it to saturation, and prints rates, latencies,
processor time and memory next to those of a baseline worker.

What is measured
  --backend redis|postgres|both   backends of the queue (default both)
  --set avi|mix|samples|all       videos: one AVI of 487 kB, ten of 0.3 to 34 MB, the five bundled samples
  --baseline yes|no               also the baseline worker: downloads each video and runs ffprobe
  --latency yes|no                also latencies at 300/s, at half load and on an idle system
  --probes yes|no                 also the cost of each probe method
  --destinations N                webhook destinations that receive every alert, 0 to 10 (default 0)
  --data-size                     instead: the current worker with many rows stored before
  --rows M,M,...                  their numbers in millions, ascending, 0 to 50 (default 0,1,5); 50 need 25 GB and ten minutes
  --soak                          instead: memory over many alerts (default 100000)
  --pictures                      instead: the cost of a picture by container and codec; needs no stack
  --pictures-load                 instead: latencies and rate of results in turn with pictures off and on
  --outage                        instead: latencies in turn alone and while 10000 alerts wait for another source
  --slow                          instead: latencies in turn alone and while 128 slow videos of other stores are in progress
  --polling                       instead: the cost of each kind of read
  --retention                     instead: POST before, during and after the deletion of 4 of 5 million alerts
  --compare REV                   instead: these sources and another revision in turn, --runs pairs, as ratios; with --polling,
                                  --outage, --slow or --pictures-load what these measure
  --rate N                        alerts per second of --pictures-load, --outage, --slow and --retention, 1 to 500 (default 20)

How long
  --seconds S                     duration of each load, 1 to 120 (default 8, with --quick 3)
  --alerts N                      number of alerts instead of a duration, or stored before with --retention, 10 to 5000000
  --runs N                        repeat and report the median, 1 to 25 (default 1)
  --quick                         3 seconds, Redis only, sets avi and mix
  --minutes N                     time limit of the whole run (default 30)

Settings and output
  --env NAME=VALUE                environment variable for api and worker; may be repeated
  --profile FOLDER                write V8 profiles of api and worker, only at saturation
  --json                          print the report as JSON
  --help                          print this text`;

const yesNo = z.enum(['yes', 'no'], 'must be yes or no').transform((word) => word === 'yes');

const ROWS = 'must be ascending numbers of 0 to 50';

function isAscending(millions: number[]): boolean {
  return millions.every((each, index) => each <= 50 && each > (millions[index - 1] ?? -1));
}

const fields = z.object({
  backend: z.enum(['redis', 'postgres', 'both'], 'must be redis, postgres or both').optional(),
  set: z.enum([...SET_NAMES, 'all'], 'must be avi, mix, samples or all').optional(),
  runs: z.coerce.number().int().min(1).max(25, 'must be 1 to 25').default(1),
  alerts: z.coerce.number().int().min(10).max(5_000_000, 'must be 10 to 5000000').optional(),
  seconds: z.coerce.number().min(1).max(120, 'must be 1 to 120').optional(),
  baseline: yesNo.optional(),
  latency: yesNo.optional(),
  env: z.array(z.string().regex(/^[A-Z_]+=/, 'must be NAME=VALUE')).default([]),
  probes: yesNo.optional(),
  destinations: z.coerce.number().int().min(0).max(10, 'must be 0 to 10').default(0),
  minutes: z.coerce.number().min(0.1).max(120, 'must be 0.1 to 120').default(30),
  profile: z.string().min(1).optional(),
  quick: z.boolean().default(false),
  'data-size': z.boolean().default(false),
  rows: z
    .string()
    .regex(/^\d{1,2}(,\d{1,2})*$/, ROWS)
    .default('0,1,5')
    .transform((text) => text.split(',').map(Number))
    .refine(isAscending, ROWS),
  soak: z.boolean().default(false),
  pictures: z.boolean().default(false),
  'pictures-load': z.boolean().default(false),
  outage: z.boolean().default(false),
  slow: z.boolean().default(false),
  retention: z.boolean().default(false),
  polling: z.boolean().default(false),
  compare: z.string().min(1, 'must be a revision').optional(),
  rate: z.coerce.number().min(1).max(500, 'must be 1 to 500').default(20),
  json: z.boolean().default(false),
});

/** Instead of comparing the workers. */
const MODES = ['data-size', 'soak', 'pictures', 'pictures-load', 'outage', 'slow', 'retention', 'polling'] as const;
type Mode = (typeof MODES)[number] | 'compare';
/** What --compare can measure. */
const COMPARABLE: readonly Mode[] = ['compare', 'polling', 'outage', 'slow', 'pictures-load'];

export type Options = {
  backends: Backend[];
  sets: SetName[];
  runs: number;
  /** Of the load that measures the maximum rate; undefined: as many as take `seconds`. */
  alerts: number | undefined;
  seconds: number;
  baseline: boolean;
  latency: boolean;
  probes: boolean;
  destinations: number;
  settings: Record<string, string>;
  minutes: number;
  profile: string | undefined;
  mode: Mode;
  /** The revision that these sources are compared with; undefined: none. */
  compare: string | undefined;
  /** Millions of rows stored before with --data-size. */
  rows: number[];
  /** Of the modes that measure latencies at a fixed rate. */
  rate: number;
  json: boolean;
};

/** Reads the command line; undefined if it requests help. Throws one sentence for each error, and the usage. */
export function readOptions(args: string[]): Options | undefined {
  try {
    const text = { type: 'string' } as const;
    const flag = { type: 'boolean' } as const;
    const { values } = parseArgs({
      args,
      options: {
        ...{ backend: text, set: text, runs: text, alerts: text, seconds: text, baseline: text, latency: text },
        ...{ probes: text, env: { type: 'string', multiple: true }, minutes: text, profile: text, destinations: text },
        ...{ quick: flag, json: flag, 'data-size': flag, soak: flag, pictures: flag, help: flag },
        ...{ 'pictures-load': flag, outage: flag, retention: flag, polling: flag, rate: text, compare: text },
        ...{ rows: text, slow: flag },
      },
    });
    return values.help ? undefined : withDefaults(fields.parse(values));
  } catch (error) {
    throw usageError(error, USAGE);
  }
}

function withDefaults(given: z.output<typeof fields>): Options {
  const { quick, profile } = given;
  const mode = MODES.find((name) => given[name]) ?? 'compare';
  if (given.compare !== undefined && !COMPARABLE.includes(mode))
    throw new Error(`--compare does not work with --${mode}`);
  const backend = given.backend ?? (quick || profile || mode !== 'compare' ? 'redis' : 'both');
  const set = mode !== 'compare' ? 'avi' : (given.set ?? (profile ? 'avi' : 'all'));
  return {
    ...given,
    mode,
    backends: backend === 'both' ? ['redis', 'postgres'] : [backend],
    sets: set !== 'all' ? [set] : quick ? ['avi', 'mix'] : [...SET_NAMES],
    alerts: given.alerts,
    compare: given.compare,
    seconds: given.seconds ?? (quick ? 3 : 8),
    // The baseline worker delivers nothing.
    baseline: given.baseline ?? (profile === undefined && given.destinations === 0),
    latency: given.latency ?? profile === undefined,
    probes: given.probes ?? (profile === undefined && (set === 'mix' || set === 'all')),
    settings: Object.fromEntries(given.env.map(splitSetting)),
    profile,
  };
}

function splitSetting(setting: string): [name: string, value: string] {
  const end = setting.indexOf('=');
  return [setting.slice(0, end), setting.slice(end + 1)];
}
