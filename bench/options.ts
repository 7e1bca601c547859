import { parseArgs } from 'node:util';
import { z } from 'zod';
import type { Backend } from './stack.ts';
import { SET_NAMES, type SetName } from './video-sets.ts';

export const USAGE = `npm run bench -- [--backend redis|postgres|both] [--set avi|mix|samples|all] [--runs N] [--quick] [--json]
  [--alerts N] [--seconds S] [--baseline yes|no] [--latency yes|no] [--probes yes|no] [--env NAME=VALUE …] [--minutes CAP] [--profile FOLDER]
  [--growth | --soak]`;

const yesNo = z.enum(['yes', 'no'], 'must be yes or no').transform((word) => word === 'yes');

const fields = z.object({
  backend: z.enum(['redis', 'postgres', 'both'], 'must be redis, postgres or both').optional(),
  set: z.enum([...SET_NAMES, 'all'], 'must be avi, mix, samples or all').optional(),
  /** Of each figure the median of so many is told. */
  runs: z.coerce.number().int().min(1).max(25, 'must be 1 to 25').default(1),
  /** In the flow that finds the maximum; undefined: as many as take `seconds`. */
  alerts: z.coerce.number().int().min(10).max(200_000, 'must be 10 to 200000').optional(),
  seconds: z.coerce.number().min(1).max(120, 'must be 1 to 120').optional(),
  baseline: yesNo.optional(),
  /** Whether the flows at 300/s, at half load, and of lone alerts are sent as well. */
  latency: yesNo.optional(),
  /** For api and worker. */
  env: z.array(z.string().regex(/^[A-Z_]+=/, 'must be NAME=VALUE')).default([]),
  /** Whether each way of probing is measured by itself, on videos of the mix. */
  probes: yesNo.optional(),
  minutes: z.coerce.number().min(0.1).max(120, 'must be 0.1 to 120').default(30),
  /** Where V8 profiles of api and worker go; then only the flow that finds the maximum is sent. */
  profile: z.string().min(1).optional(),
  quick: z.boolean().default(false),
  /** Instead: the same figures on tables of 0, 1 and 5 million rows. */
  growth: z.boolean().default(false),
  /** Instead: memory over so many alerts. */
  soak: z.boolean().default(false),
  json: z.boolean().default(false),
});

export type Options = {
  backends: Backend[];
  sets: SetName[];
  runs: number;
  alerts: number | undefined;
  seconds: number;
  baseline: boolean;
  latency: boolean;
  probes: boolean;
  settings: Record<string, string>;
  minutes: number;
  profile: string | undefined;
  mode: 'compare' | 'growth' | 'soak';
  json: boolean;
};

/** Reads the command line. Throws one sentence for each fault, and the usage. */
export function readOptions(args: string[]): Options {
  try {
    const text = { type: 'string' } as const;
    const flag = { type: 'boolean' } as const;
    const { values } = parseArgs({
      args,
      options: {
        ...{ backend: text, set: text, runs: text, alerts: text, seconds: text, baseline: text, latency: text },
        ...{ probes: text },
        ...{
          env: { type: 'string', multiple: true },
          minutes: text,
          profile: text,
          quick: flag,
          json: flag,
          growth: flag,
          soak: flag,
        },
      },
    });
    return withDefaults(fields.parse(values));
  } catch (error) {
    const told =
      error instanceof z.ZodError
        ? error.issues.map(({ path, message }) => `--${path[0]?.toString()}: ${message}`).join('\n')
        : String(error instanceof Error ? error.message : error);
    throw new Error(`${told}\nusage: ${USAGE}`, { cause: error });
  }
}

function withDefaults(given: z.output<typeof fields>): Options {
  const { quick, profile } = given;
  const mode = given.growth ? 'growth' : given.soak ? 'soak' : 'compare';
  const backend = given.backend ?? (quick || profile || mode !== 'compare' ? 'redis' : 'both');
  const set = mode !== 'compare' ? 'avi' : (given.set ?? (profile ? 'avi' : 'all'));
  return {
    ...given,
    mode,
    backends: backend === 'both' ? ['redis', 'postgres'] : [backend],
    sets: set !== 'all' ? [set] : quick ? ['avi', 'mix'] : [...SET_NAMES],
    alerts: given.alerts,
    seconds: given.seconds ?? (quick ? 3 : 8),
    baseline: given.baseline ?? profile === undefined,
    latency: given.latency ?? profile === undefined,
    probes: given.probes ?? (profile === undefined && (set === 'mix' || set === 'all')),
    settings: Object.fromEntries(
      given.env.map((setting) => [/^[^=]*/.exec(setting)?.[0], setting.replace(/^[^=]*=/, '')]),
    ),
    profile,
  };
}
