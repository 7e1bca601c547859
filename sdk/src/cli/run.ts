import { parseArgs } from 'node:util';
import {
  type Client,
  ConnectionError,
  createClient,
  isRetryable,
  ProblemError,
  TimeLimitError,
  VideoAlertsError,
} from '../client.ts';
import { type Command, EXIT, number, type OptionValues, text, UsageError } from './command.ts';
import { commandHelp, programHelp } from './help.ts';
import { keys } from './keys.ts';
import { list } from './list.ts';
import type { Output } from './output.ts';
import { retry } from './retry.ts';
import { send } from './send.ts';
import { tail } from './tail.ts';
import { wait } from './wait.ts';

const COMMANDS: Record<string, Command> = { send, wait, tail, list, retry, keys };

const GLOBAL_OPTIONS = {
  url: { type: 'string' },
  key: { type: 'string' },
  'retry-for': { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

const DEFAULT_URL = 'http://127.0.0.1:8000';
const DEFAULT_RETRY_S = 60;

export type Surroundings = {
  env: Readonly<Record<string, string | undefined>>;
  version: string;
  signal: AbortSignal;
  write(text: string): void;
  writeError(text: string): void;
};

/** Runs the command line and returns its exit code. */
export async function run(args: string[], surroundings: Surroundings): Promise<number> {
  try {
    return await runCommand(args, surroundings);
  } catch (error) {
    const { code, message } = outcomeOf(error, surroundings.signal);
    if (message !== undefined) surroundings.writeError(`${message}\n`);
    return code;
  }
}

async function runCommand(
  [name = '--help', ...rest]: string[],
  { env, version, signal, write, writeError }: Surroundings,
) {
  if (name === '--version') return print(write, `${version}\n`);
  if (name === '--help' || name === '-h' || name === 'help') return print(write, programHelp(COMMANDS));
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) throw new UsageError(`Unknown command ${name}. See video-alerts --help`);
  const { values, positionals } = parse(name, command, rest);
  if (values.help) return print(write, commandHelp(name, command));
  if (values.version) return print(write, `${version}\n`);
  const output: Output = {
    json: values.json === true,
    line: (line) => write(`${line}\n`),
    note: (line) => writeError(`${line}\n`),
  };
  try {
    return await command.run({ client: clientOf(values, env, output), values, positionals, output, signal });
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`${error.message}. See video-alerts ${name} --help`);
    throw error;
  }
}

function print(write: (text: string) => void, text: string): number {
  write(text);
  return EXIT.ok;
}

function parse(name: string, { options }: Command, args: string[]) {
  try {
    return parseArgs({ args, allowPositionals: true, options: { ...options, ...GLOBAL_OPTIONS } });
  } catch (error) {
    // Node's message about a value that looks like an option has several lines.
    const [message = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw new UsageError(`${message.replace(/\.$/, '')}. See video-alerts ${name} --help`);
  }
}

function clientOf(values: OptionValues, env: Surroundings['env'], { note }: Output): Client {
  // An empty variable is an unset one.
  const url = text(values, 'url') ?? (env.VIDEO_ALERTS_URL || DEFAULT_URL);
  const key = text(values, 'key') ?? (env.VIDEO_ALERTS_KEY || undefined);
  const timeoutMs = (number(values, 'retry-for') ?? DEFAULT_RETRY_S) * 1_000;
  try {
    return createClient({
      url,
      key,
      timeoutMs,
      onRetry: ({ error, delayMs }) => note(`${error.message}; next try in ${(delayMs / 1_000).toFixed(1)} s`),
    });
  } catch (error) {
    throw error instanceof TypeError ? new UsageError(error.message) : error;
  }
}

function outcomeOf(error: unknown, signal: AbortSignal): { code: number; message?: string } {
  if (signal.aborted) return { code: EXIT.interrupted };
  if (error instanceof UsageError) return { code: EXIT.usage, message: error.message };
  if (error instanceof TimeLimitError) return { code: EXIT.timeLimit, message: error.message };
  if (error instanceof ProblemError) {
    const id = error.requestId === undefined ? '' : ` (request ${error.requestId})`;
    const hint = error.status === 401 ? '\nSet VIDEO_ALERTS_KEY or --key to an API key.' : '';
    const code = isRetryable(error) ? EXIT.unavailable : EXIT.rejected;
    return { code, message: `${error.status} ${error.message}${id}${hint}` };
  }
  if (error instanceof ConnectionError) return { code: EXIT.unavailable, message: error.message };
  if (error instanceof VideoAlertsError) return { code: EXIT.rejected, message: error.message };
  throw error; // a defect of this program
}
