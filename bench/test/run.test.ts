import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { parseServed } from '#test/harness/nginx-video-server.ts';
import { reportSchema } from '../report.ts';
import { tableOf } from '../table.ts';

const ENTRY = fileURLToPath(new URL('../index.ts', import.meta.url));

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'alerts-bench-'));
  await chmod(folder, 0o755); // for nobody, where root runs PostgreSQL as nobody
});
afterEach(() => rm(folder, { recursive: true }));

async function bench(args: string[]) {
  const env = { ...process.env, TMPDIR: folder };
  const child = spawn(process.execPath, [ENTRY, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { out, err, code };
}

it('measures a whole house and a textbook worker, finds nothing wrong, and leaves nothing', async () => {
  const backend = inject('redisCommand') === null ? 'postgres' : 'redis';
  const args = [
    '--backend',
    backend,
    '--set',
    'samples',
    '--alerts',
    '30',
    '--seconds',
    '1',
    '--probes',
    'no',
    '--minutes',
    '1.8',
    '--json',
  ];
  const { out, err, code } = await bench(args);
  expect(code, err).toBe(0);
  const report = reportSchema.parse(JSON.parse(out));
  expect(report.measured.map(({ worker }) => worker)).toEqual(['ours', 'baseline']);
  for (const { most } of report.measured) {
    expect(most).toMatchObject({ alerts: 30, wrong: 0, missing: 0, refused: 0 });
    expect(most.processedPerS).toBeGreaterThan(0);
    expect(most.cpuMsPerAlert.worker).toBeGreaterThan(0);
    expect(most.peakMib.postgres).toBeGreaterThan(10);
  }
  expect(report.machine.yardstickMs).toHaveLength(2);
  const [ours, baseline] = report.measured;
  // The baseline reads whole files: each sample five times and more.
  expect(baseline?.most.bytesPerAlert).toBeCloseTo((286456 + 401611 + 209596 + 88045 + 126184) / 5, 0);
  if (ours?.most.served) expect(ours.most.served.bytesPerAlert).toBe(ours.most.bytesPerAlert);
  expect(ours?.steady?.postMs?.p95).toBeGreaterThan(0);
  // The first line is the command, as long as it was.
  const [, ...lines] = tableOf(report).split('\n');
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
  expect(await readdir(folder)).toEqual([]);
}, 120_000);

describe('the command line', () => {
  it.each([
    [['--runs', '0'], '--runs:'],
    [['--set', 'all-of-them'], '--set: must be avi, mix, samples or all'],
    [['--env', 'concurrency'], '--env: must be NAME=VALUE'],
    [['--alert', '5'], "Unknown option '--alert'"],
  ])('refuses %j and says how', async (args, told) => {
    const { err, code, out } = await bench(args);
    expect(code).toBe(1);
    expect(err).toContain(told);
    expect(err).toContain('usage: npm run bench');
    expect(out).toBe('');
  });
});

it('reads what nginx served', () => {
  expect(parseServed('3 65536\n3 1000\n5 0\n')).toEqual({ requests: 3, bytes: 66536, connections: 2 });
  expect(parseServed('')).toEqual({ requests: 0, bytes: 0, connections: 0 });
});
