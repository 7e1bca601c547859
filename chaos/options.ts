import { parseArgs } from 'node:util';
import { z } from 'zod';
import { DESTINATION_COUNT, FAULTS, type FaultKind, isOfDestinations, kindsOn } from './faults.ts';

/** Each kind of fault has the name of a scenario: `lock-table`. */
const FAULT_SCENARIOS = new Map(
  (Object.keys(FAULTS) as FaultKind[]).map((kind) => [kind.replaceAll(' ', '-'), kind]), // Object.keys returns string[]
);
const SCENARIO_NAMES = ['faults', 'flush', 'rolling', 'outage'];

/** Returns the kinds of faults that this scenario names, in their order; none if it is one of the other scenarios. */
export function faultsOfScenario(scenario: string): FaultKind[] {
  return scenario.split(',').flatMap((name) => FAULT_SCENARIOS.get(name) ?? []);
}

function isScenario(scenario: string): boolean {
  return SCENARIO_NAMES.includes(scenario) || scenario.split(',').every((name) => FAULT_SCENARIOS.has(name));
}

export const USAGE = `Usage: npm run chaos -- [options]

Sends alerts while it injects faults into the stack, then checks every invariant. Exit code 0: all of them hold.

  --target local|compose     local (default): starts its own stack of processes on 127.0.0.1
                             compose: the running stack of Docker Compose, about two minutes; of the
                             options below it takes only --rate (1 to 100, default 20)
  --backend redis|postgres   backend of the queue (default postgres)
  --scenario NAME            faults (default): a seeded random schedule of faults
                             flush: empty the queue while every alert is pending, then start the workers
                             rolling: 20 restarts of apis and workers, one after another
                             outage: the file server is down for ten twelfths of the time
                             or kinds of faults, separated by commas: each again and again, one after another:
${listOf([...FAULT_SCENARIOS.keys()])}
  --alerts N                 number of alerts, 10 to 100000 (default 200)
  --seed N                   the same seed gives the same schedule (default 1)
  --pace N                   multiplies the time between faults, 1 to 10 (default 1): for a busy machine
  --slowdown N               multiplies the time limits of the invariants, 1 to 20 (default 1): for a slow machine
  --rate N                   alerts per second (default: at most 12; flush: 100)
  --minutes N                time limit; a run that reaches it fails (default: depends on alerts and rate)
  --destinations N           number of webhook destinations, 0 to 3 (default 3)
  --pictures on|off          PICTURES of the workers (default on); a busy machine makes fewer than 5 per second
  --logs FOLDER              keep the log of each process and everything observed
  --json                     print the scoreboard as JSON
  --help                     print this text`;

function listOf(words: string[]): string {
  const lines = [];
  for (let first = 0; first < words.length; first += 4) {
    lines.push(`${' '.repeat(31)}${words.slice(first, first + 4).join(', ')}`);
  }
  return lines.join(',\n');
}

const fields = z.object({
  target: z.enum(['local', 'compose'], 'must be local or compose').default('local'),
  backend: z.enum(['redis', 'postgres'], 'must be redis or postgres').default('postgres'),
  scenario: z
    .string()
    .refine(isScenario, 'must be faults, flush, rolling, outage or kinds of faults')
    .default('faults'),
  alerts: z.coerce.number().int().min(10, 'must be 10 to 100000').max(100_000, 'must be 10 to 100000').default(200),
  seed: z.coerce
    .number()
    .int()
    .min(0)
    .max(2 ** 32 - 1, 'must be a whole number below 2^32')
    .default(1),
  pace: z.coerce.number().min(1).max(10, 'must be 1 to 10').default(1),
  slowdown: z.coerce.number().min(1).max(20, 'must be 1 to 20').default(1),
  rate: z.coerce.number().min(0.1).max(500, 'must be 0.1 to 500').optional(),
  minutes: z.coerce.number().min(1).max(240, 'must be 1 to 240').optional(),
  destinations: z.coerce.number().int().min(0).max(DESTINATION_COUNT, 'must be 0 to 3').default(DESTINATION_COUNT),
  pictures: z.enum(['on', 'off'], 'must be on or off').default('on'),
  logs: z.string().min(1).optional(),
  json: z.boolean().default(false),
});

const localFields = fields
  .refine(({ backend, scenario }) => faultsOfScenario(scenario).every((kind) => kindsOn(backend).includes(kind)), {
    path: ['scenario'],
    error: 'needs --backend redis',
  })
  .refine(({ scenario, destinations }) => destinations > 0 || !faultsOfScenario(scenario).some(isOfDestinations), {
    path: ['scenario'],
    error: 'needs destinations',
  });

const composeFields = z.strictObject(
  {
    target: z.literal('compose'),
    rate: z.coerce.number().int().min(1).max(100, 'must be 1 to 100').default(20),
  },
  'only --rate applies to --target compose',
);

export type Options = Omit<z.output<typeof fields>, 'target' | 'rate' | 'minutes'> & {
  target: 'local';
  rate: number;
  minutes: number;
};
export type ComposeOptions = z.output<typeof composeFields>;

/** What a stack on two cores accepts and processes per second without falling behind. */
const STEADY_RATE = 12;
/** A shorter run would see hardly any fault. */
const SHORTEST_S = 60;
/** No worker runs while the backlog is created, so only the apis use the processor. */
const BACKLOG_RATE = 100;

/** Reads the command line; undefined if it requests help. Throws one sentence for each error, and the usage. */
export function readOptions(args: string[]): Options | ComposeOptions | undefined {
  try {
    const text = { type: 'string' } as const;
    const flag = { type: 'boolean' } as const;
    const { values } = parseArgs({
      args,
      options: {
        ...{ target: text, backend: text, scenario: text, alerts: text, seed: text, pace: text, rate: text },
        ...{ slowdown: text, minutes: text, destinations: text, pictures: text, logs: text, json: flag, help: flag },
      },
    });
    if (values.help) return undefined;
    if (values.target === 'compose') return composeFields.parse(values);
    return withDefaults(localFields.parse(values));
  } catch (error) {
    const message =
      error instanceof z.ZodError
        ? error.issues.map(({ path, message }) => `--${path.join('.') || 'target'}: ${message}`).join('\n')
        : String(error instanceof Error ? error.message : error);
    throw new Error(`${message}\n\n${USAGE}`, { cause: error });
  }
}

function withDefaults(given: z.output<typeof fields>): Options {
  const steady = Math.min(STEADY_RATE, given.alerts / SHORTEST_S);
  const rate = given.rate ?? (given.scenario === 'flush' ? BACKLOG_RATE : steady);
  // The time to send all alerts, the same again for outages, and 8 minutes to start and to finish every alert.
  const minutes = given.minutes ?? Math.ceil((given.alerts / rate / 60) * 2 + 8 * given.slowdown);
  return { ...given, target: 'local', rate, minutes };
}
