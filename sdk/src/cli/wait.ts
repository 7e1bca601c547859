import { type Command, type Context, EXIT, number, UsageError } from './command.ts';
import { alertWriter } from './output.ts';

const DEFAULT_S = 60;

export const WAIT_HELP: [string, string] = ['--timeout SECONDS', `the longest wait; default: ${DEFAULT_S}`];

export const wait: Command = {
  usage: 'UUID…',
  summary: 'Wait until alerts are processed or failed, and print them',
  options: { timeout: { type: 'string' } },
  help: [WAIT_HELP],
  examples: [
    'video-alerts wait 35df2857-3a48-4985-aed0-e68b5ae4c968',
    'video-alerts wait 35df2857-3a48-4985-aed0-e68b5ae4c968 --timeout 300 --json',
  ],
  async run(context) {
    if (context.positionals.length === 0) throw new UsageError('wait takes at least one UUID');
    return waitFor(context.positionals, context);
  },
};

type WaitContext = Pick<Context, 'client' | 'values' | 'output' | 'signal'>;

/** Prints each alert when it is final, in the given order. Returns the exit code. */
export async function waitFor(uuids: string[], { client, values, output, signal }: WaitContext): Promise<number> {
  const limit = Date.now() + (number(values, 'timeout') ?? DEFAULT_S) * 1_000;
  const write = alertWriter(output);
  let code: number = EXIT.ok;
  for (const uuid of uuids) {
    const alert = await client.wait(uuid, { timeoutMs: Math.max(1, limit - Date.now()), signal });
    write(alert);
    if (alert.failure && !output.json) output.note(`${alert.failure.detail} ${alert.failure.action}`);
    if (alert.status === 'failed') code = EXIT.failedAlert;
  }
  return code;
}
