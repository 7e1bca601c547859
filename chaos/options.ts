import { parseArgs } from 'node:util';
import { z } from 'zod';

export const USAGE =
  'npm run chaos -- --backend redis|postgres --alerts N --seed S [--scenario storm|wipe|rolling] [--rate ALERTS/S] ' +
  '[--minutes CAP] [--logs FOLDER] [--json]';

const fields = z.object({
  backend: z.enum(['redis', 'postgres'], 'must be redis or postgres').default('postgres'),
  scenario: z.enum(['storm', 'wipe', 'rolling'], 'must be storm, wipe or rolling').default('storm'),
  alerts: z.coerce.number().int().min(10, 'must be 10 to 100000').max(100_000, 'must be 10 to 100000').default(200),
  seed: z.coerce
    .number()
    .int()
    .min(0)
    .max(2 ** 32 - 1, 'must be a whole number below 2^32')
    .default(1),
  /** Alerts per second. */
  rate: z.coerce.number().min(0.1).max(500, 'must be 0.1 to 500').optional(),
  /** Ends the run, and fails it. */
  minutes: z.coerce.number().min(1).max(240, 'must be 1 to 240').optional(),
  /** Existing or new folder for the log of each part, and all that was seen. */
  logs: z.string().min(1).optional(),
  json: z.boolean().default(false),
});

export type Options = Omit<z.output<typeof fields>, 'rate' | 'minutes'> & { rate: number; minutes: number };

/** What is accepted and processed in a second at leisure on two cores that the whole house shares. */
const STEADY_RATE = 12;
/** A run that is over sooner has hardly been hit. */
const SHORTEST_S = 60;
/** Waiting workers are no load: only the apis work while the backlog grows. */
const BACKLOG_RATE = 100;

/** Reads the command line. Throws one sentence for each fault, and the usage. */
export function readOptions(args: string[]): Options {
  try {
    const text = { type: 'string' } as const;
    const options = { backend: text, scenario: text, alerts: text, seed: text, rate: text, minutes: text, logs: text };
    const { values } = parseArgs({ args, options: { ...options, json: { type: 'boolean' } } });
    return withDefaults(fields.parse(values));
  } catch (error) {
    const told =
      error instanceof z.ZodError
        ? error.issues.map(({ path, message }) => `--${path.join('.')}: ${message}`).join('\n')
        : String(error instanceof Error ? error.message : error);
    throw new Error(`${told}\nusage: ${USAGE}`, { cause: error });
  }
}

function withDefaults(given: z.output<typeof fields>): Options {
  const steady = Math.min(STEADY_RATE, given.alerts / SHORTEST_S);
  const rate = given.rate ?? (given.scenario === 'wipe' ? BACKLOG_RATE : steady);
  // Sending, as long again for outages, starting, and at most three minutes until everything is settled.
  return { ...given, rate, minutes: given.minutes ?? Math.ceil((given.alerts / rate / 60) * 2 + 8) };
}
