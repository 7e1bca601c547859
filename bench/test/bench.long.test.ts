import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, it, onTestFinished } from 'vitest';
import { runCommand } from '#test/harness/run-command.ts';
import { reportSchema } from '../report.ts';
import { renderReport } from '../table.ts';

it('measures the current and the baseline worker, finds no wrong result, and cleans up', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'bench-test-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await chmod(folder, 0o755); // as root, PostgreSQL runs as the user nobody
  const backend = inject('redisCommand') === null ? 'postgres' : 'redis';
  const load = ['--set', 'samples', '--alerts', '30', '--seconds', '1', '--probes', 'no'];
  const { out, err, code } = await runCommand(
    'bench/index.ts',
    ['--backend', backend, ...load, '--minutes', '15', '--json'],
    {
      ...process.env,
      TMPDIR: folder,
    },
  );
  expect(code, err).toBe(0);
  const report = reportSchema.parse(JSON.parse(out));
  expect(report.comparisons.map(({ worker }) => worker)).toEqual(['current', 'baseline']);
  for (const { saturated } of report.comparisons) {
    expect(saturated).toMatchObject({ alerts: 30, wrong: 0, missing: 0, refused: 0 });
    expect(saturated.processedPerS).toBeGreaterThan(0);
    expect(saturated.cpuMsPerAlert.worker).toBeGreaterThan(0);
    expect(saturated.peakMib.postgres).toBeGreaterThan(10);
  }
  expect(report.machine.referenceMs).toHaveLength(2);
  const [current, baseline] = report.comparisons;
  // The baseline reads whole files, here each of the five samples equally often.
  expect(baseline?.saturated.bytesPerAlert).toBeCloseTo((286456 + 401611 + 209596 + 88045 + 126184) / 5, 0);
  if (current?.saturated.served) {
    expect(current.saturated.served.bytesPerAlert).toBe(current.saturated.bytesPerAlert);
  }
  expect(current?.steady?.postMs?.p95).toBeGreaterThan(0);
  // The first line is the command, which may be longer.
  const [, ...lines] = renderReport(report).split('\n');
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
  expect(await readdir(folder)).toEqual([]);
}, 1_200_000);
