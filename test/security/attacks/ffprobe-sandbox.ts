import type { Attack } from '../attack.ts';

/**
 * Runs where the worker runs: a shell in place of ffprobe, in the worker's sandbox, tries to write 300 MiB, to read a
 * secret, and to start a process. Prints what it could do. `true` accepts every option, as detectSandbox needs.
 */
const SCRIPT = `
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
const { detectSandbox, sandboxed } = await import(process.cwd() + '/worker/sandbox/sandbox.ts');
const { FFPROBE_LIMITS } = await import(process.cwd() + '/worker/video/ffprobe/run.ts');
const sandbox = await detectSandbox('/bin/true', FFPROBE_LIMITS);
const folder = mkdtempSync('/tmp/security-');
const probe = folder + '/probe';
mkdirSync(probe);
writeFileSync(folder + '/secret', 'read\\n', { mode: 0o600 });
const run = (script) => {
  const [shell, args] = sandboxed(sandbox, '/bin/sh', ['-c', script]);
  return spawnSync(shell, args, { cwd: probe, env: {}, timeout: 60000, killSignal: 'SIGKILL' }).stdout.toString();
};
const text = 'x=x; n=0; while [ $n -lt 20 ]; do x=$x$x; n=$((n + 1)); done; ';
run("trap '' XFSZ; " + text + 'n=0; while [ $n -lt 300 ]; do echo $x > out$n || exit 0; n=$((n + 1)); done');
const written = readdirSync(probe).reduce((sum, name) => sum + lstatSync(probe + '/' + name).size, 0);
const secrets = [folder + '/secret', '/run/secrets/database_url'].filter((path) => existsSync(path));
const read = secrets.filter((path) => run('read -r text < ' + path + ' && echo read') !== '');
const ran = run('echo ran') === 'ran\\n';
const started = run('(exit 0); echo started') !== '';
rmSync(folder, { recursive: true });
console.log(JSON.stringify({ ran, active: sandbox.restricted, written, read, started }));
`;

type Report = { ran: boolean; active: string[]; written: number; read: string[]; started: boolean };

export const attack: Attack = {
  item: 11,
  name: 'a program in place of ffprobe writes 300 MiB, reads secrets, starts a process',
  limit: 'no byte into a file; no other file and process where the kernel allows it, as the worker logs',
  async run({ runWithWorker }) {
    const { ran, active, written, read, started }: Report = JSON.parse(await runWithWorker(SCRIPT));
    if (!ran) throw new Error('the shell did not run in the sandbox');
    const has = (protection: string) => active.includes(protection);
    const defended =
      ['memory', 'cpu', 'writes'].every(has) &&
      written < 100_000 && // the root that the sandbox builds for it
      (read.length === 0 || !has('files')) &&
      !(started && has('processes'));
    const observed = `${written} bytes written, ${read.length} secrets read, process ${started ? 'started' : 'refused'}`;
    return { defended, observed: `${observed}; active: ${active.join(', ')}` };
  },
};
