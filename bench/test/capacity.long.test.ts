import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, it, onTestFinished } from 'vitest';
import { runCommand } from '#test/harness/run-command.ts';
import { capacitySchema } from '../capacity/report.ts';
import { renderCapacity } from '../capacity/table.ts';

it('measures each component, predicts, measures a second configuration, and cleans up', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'capacity-test-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await chmod(folder, 0o755); // as root, PostgreSQL runs as the user nobody
  const backend = inject('redisCommand') === null ? 'postgres' : 'redis';
  const args = ['--backend', backend, '--set', 'samples', '--alerts', '200', '--quick', '--minutes', '15', '--json'];
  const env = { ...process.env, TMPDIR: folder };
  const { out, err, code } = await runCommand('bench/capacity/index.ts', args, env);
  expect(code, err).toBe(0);
  const report = capacitySchema.parse(JSON.parse(out));
  const { costs, bytesPerAlert, predictions, measurements } = report;
  for (const cost of [costs.api, costs.worker, costs.postgres]) expect(cost).toBeGreaterThan(0);
  expect(costs.redis > 0).toBe(backend === 'redis');
  expect(bytesPerAlert.api).toBeGreaterThan(150);
  expect(bytesPerAlert.worker).toBeGreaterThan(1_000);
  expect(bytesPerAlert.postgres).toBeGreaterThan(500);
  expect(predictions.length % 6).toBe(0);
  expect(measurements[0]).toMatchObject({ apis: 1, workers: 1, alerts: 200, wrong: 0 });
  for (const { wrong, predicted, perSecond } of measurements) {
    expect(wrong).toBe(0);
    expect(Math.min(predicted, perSecond)).toBeGreaterThan(0);
  }
  const [, ...lines] = renderCapacity(report).split('\n');
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
  expect(await readdir(folder)).toEqual([]);
}, 1_200_000);
