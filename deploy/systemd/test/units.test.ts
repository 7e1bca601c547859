import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { apiFields } from '#api/config.ts';
import { findProgram } from '#test/harness/system-packages.ts';
import { workerFields } from '#worker/config.ts';

const FOLDER = join(import.meta.dirname, '..');
const read = (name: string) => readFileSync(join(FOLDER, name), 'utf8');
const units = readdirSync(FOLDER).filter((name) => name.endsWith('.service'));
const analyze = await findProgram(['systemd-analyze'], process.env.PATH ?? '');
if (!analyze) process.stderr.write('systemd-analyze is not installed. The tests that need it are skipped.\n');

/** Runs systemd-analyze for a unit whose program exists; it rejects one that does not. */
function analyzed(command: string[], unit: string, text = read(unit)): { status: number | null; messages: string } {
  const folder = mkdtempSync(join(tmpdir(), 'units-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, unit);
  writeFileSync(path, text.replaceAll('/opt/video-alerts/node/bin/node', process.execPath));
  const { status, stderr } = spawnSync(analyze ?? '', [...command, path], { encoding: 'utf8' });
  return { status, messages: stderr };
}
const verify = (unit: string, text?: string) =>
  analyzed(['verify', '--man=no', '--generators=no', '--recursive-errors=no'], unit, text);

describe.skipIf(!analyze)('systemd-analyze', () => {
  it.each(units)('accepts %s', (unit) => {
    expect(verify(unit)).toEqual({ status: 0, messages: '' });
  });

  it.each(units)('reports an unknown setting of %s', (unit) => {
    const { messages } = verify(unit, read(unit).replace('ProtectHome=', 'ProtectHomes='));
    expect(messages).toMatch(/Unknown key .*'ProtectHomes'/);
  });

  // 100: everything is allowed. Measured: 13 for the api, 22 for the worker, whose sandbox needs namespaces and mounts.
  it.each(units)('rates the exposure of %s as low', (unit) => {
    const offline = ['security', '--offline=yes', '--no-pager'];
    const unprotected = read(unit).replace(/^(Protect|Private|Restrict|SystemCall).*$/gm, '');
    expect(analyzed([...offline, '--threshold=30'], unit).status).toBe(0);
    expect(analyzed([...offline, '--threshold=30'], unit, unprotected).status).not.toBe(0);
  });
});

it('the worker may create the namespaces of its sandbox, and no others', () => {
  const sandbox = readFileSync(join(FOLDER, '../../worker/sandbox/sandbox.ts'), 'utf8');
  const used = [...sandbox.matchAll(/'--(user|net|ipc|mount|pid|uts|cgroup|time)'/g)].map(([, name = '']) => name);
  const [, allowed = ''] = /^RestrictNamespaces=(.+)$/m.exec(read('video-alerts-worker@.service')) ?? [];
  expect(allowed.replace('mnt', 'mount').split(' ').sort()).toEqual([...new Set(used)].sort());
});

it('alerts.env sets variables that exist, and no secret', () => {
  const lines = read('alerts.env')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const known = new Set([...Object.keys(apiFields), ...Object.keys(workerFields)]);
  for (const line of lines) expect(known).toContain(/^([A-Z_]+?)(_FILE)?=/.exec(line)?.[1]);
  expect(lines.filter((line) => /^(\w+_URL|SECRETS_KEY)=(postgres|redis)|:\/\/[^/]*@/.test(line))).toEqual([]);
});

it('every file of the folder is used by docs/production.md', () => {
  const page = readFileSync(join(FOLDER, '../../docs/production.md'), 'utf8');
  const files = execFileSync('git', ['ls-files', '--cached', '--others', '.'], { cwd: FOLDER, encoding: 'utf8' });
  const named = files.split('\n').filter((name) => /^[^/]+\.(service|env|conf|yml)$/.test(name));
  expect(named.length).toBeGreaterThan(5);
  for (const name of named) expect(page).toContain(name.replace(/@\.service$/, ''));
});
