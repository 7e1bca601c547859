import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, it, onTestFinished } from 'vitest';
import { runCommand } from '#test/harness/run-command.ts';
import { simulationSchema } from '../capacity/simulate.ts';

it('simulates a day: every alert has its expected result, and each hour its figures and memory', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'simulation-test-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await chmod(folder, 0o755); // as root, PostgreSQL runs as the user nobody
  const backend = inject('redisCommand') === null ? 'postgres' : 'redis';
  const chart = join(folder, 'day.svg');
  const day = ['--simulate', '--stores', '200', '--alerts', '240', '--seconds', '24', '--seed', '3', '--chart', chart];
  const args = ['--backend', backend, '--set', 'samples', ...day, '--minutes', '15', '--json'];
  const { out, err, code } = await runCommand('bench/capacity/index.ts', args, { ...process.env, TMPDIR: folder });
  expect(code, err).toBe(0);
  const { hours, ...simulation } = simulationSchema.parse(JSON.parse(out));
  expect(simulation).toMatchObject({ alerts: 240, failing: 5, wrong: 0, missing: 0, refused: 0 });
  expect(hours.reduce((sum, { alerts }) => sum + alerts, 0)).toBe(240);
  for (const { memoryMib } of hours) expect(memoryMib?.worker).toBeGreaterThan(10);
  expect(hours.some(({ burstP50Ms }) => (burstP50Ms ?? 0) > 0)).toBe(true);
  expect(await readFile(chart, 'utf8')).toContain('</svg>');
  expect(await readdir(folder)).toEqual(['day.svg']);
}, 1_200_000);
