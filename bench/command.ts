import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import closeWithGrace from 'close-with-grace';
import { z } from 'zod';
import { DatabaseUnavailable } from '#prisma/errors.ts';
import type { Opened } from './stack.ts';

/** `stopped` aborts when the process is stopped; `folder` is removed at the end. What has to be closed is added to `opened`. */
export type Run = { folder: string; opened: Opened; stopped: AbortSignal };

type Command<Options> = {
  name: string;
  usage: string;
  /** Returns undefined if the command line requests help. Throws what to print. */
  readOptions(args: string[]): Options | undefined;
  run(options: Options, context: Run): Promise<void>;
};

/** Runs a command that measures something: closes what it opened, also after an error or a signal, and ends the process. */
export async function runMeasurement<Options>({ name, usage, readOptions, run }: Command<Options>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), `${name}-`));
  const opened: Opened = [];
  const stop = new AbortController();
  let succeeded = false;
  let running: Promise<void> | undefined;
  const closeOnce = async (err: Error | undefined) => {
    stop.abort();
    if (err) log(err.message);
    await closeAll(opened);
    // What was still starting at that moment.
    await running?.catch(() => {});
    await closeAll(opened);
    await rm(folder, { recursive: true, force: true, maxRetries: 10 }).catch((error: Error) => log(error.message));
    process.exit(succeeded ? 0 : 1);
  };
  // After a signal, it is called once more below. The process must not exit before the first call has closed everything.
  let closing: Promise<void> | undefined;
  const { close } = closeWithGrace({ delay: 120_000, logger: false }, ({ err }) => {
    closing ??= closeOnce(err);
    return closing;
  });
  try {
    const options = readOptions(process.argv.slice(2));
    if (options) running = run(options, { folder, opened, stopped: stop.signal });
    else process.stdout.write(`${usage}\n`);
    await running;
    succeeded = true;
  } catch (error) {
    log(stop.signal.aborted ? 'stopped' : messageOf(error));
  }
  await close();
}

function messageOf(error: unknown): string {
  if (error instanceof DatabaseUnavailable && error.cause instanceof Error)
    return `${error.message}: ${error.cause.message}`;
  return error instanceof Error ? error.message : String(error);
}

/** Returns the command line as it was given, for the report. */
export function commandLine(name: string): string {
  const args = process.argv.slice(2);
  return [`npm run ${name}`, ...(args.length > 0 ? ['--', ...args] : [])].join(' ');
}

/** Returns an error of one sentence for each invalid option, and the usage. */
export function usageError(error: unknown, usage: string): Error {
  const message =
    error instanceof z.ZodError
      ? error.issues.map(({ path, message }) => `--${path[0]?.toString()}: ${message}`).join('\n')
      : String(error instanceof Error ? error.message : error);
  return new Error(`${message}\n\n${usage}`, { cause: error });
}

/** Closes the last opened first. */
export async function closeAll(toClose: Opened): Promise<void> {
  for (const each of toClose.splice(0)) await each.close().catch((error: Error) => log(error.message));
}

export function log(line: string): void {
  process.stderr.write(`▸ ${line}\n`);
}
