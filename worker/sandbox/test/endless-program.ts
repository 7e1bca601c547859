import { runSandboxed } from '../run.ts';
import { detectSandbox } from '../sandbox.ts';

// Runs a program that never ends, and sends the id of its process. Arguments: its folder, and whether it ends with this one.

const [folder = '', endsWithWorker] = process.argv.slice(2);
const limits = { cpuSeconds: 600, memoryKiB: 512 * 1024, fileKiB: 64, threads: 8 };
await runSandboxed({
  name: 'a shell',
  program: '/bin/sh',
  args: ['-c', 'echo $$; while :; do sleep 1 || :; done'],
  folder,
  sandbox: await detectSandbox('/bin/true', limits),
  stop: new AbortController().signal,
  maxOutputBytes: 1_000,
  lowPriority: true,
  endsWithWorker: endsWithWorker === 'true',
  onOutput: (chunk) => void process.send?.(Number(chunk.toString())),
});
