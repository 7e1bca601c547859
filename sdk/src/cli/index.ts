#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { run } from './run.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
// The reader of a pipe has closed it, as head does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  version,
  signal: interrupted.signal,
  write: (text) => void process.stdout.write(text),
  writeError: (text) => void process.stderr.write(text),
});
