import { execFile } from 'node:child_process';
import { chmod, glob, mkdtemp, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, inject, it, onTestFinished } from 'vitest';
import { runCommand, startCommand } from '#test/harness/run-command.ts';
import { reportSchema } from '../report.ts';
import { renderReport } from '../table.ts';

it('measures the current and the baseline worker, finds no wrong result, and cleans up', async () => {
  const { folder, backend } = await prepare();
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

it('compares these sources with another revision, and removes its worktree', async () => {
  const { folder, backend } = await prepare();
  const load = ['--set', 'samples', '--alerts', '20', '--seconds', '1', '--latency', 'no', '--minutes', '15'];
  const args = ['--compare', 'HEAD', '--backend', backend, ...load, '--json'];
  const { out, err, code } = await runCommand('bench/index.ts', args, { ...process.env, TMPDIR: folder });
  expect(code, err).toBe(0);
  const { old, figures } = JSON.parse(out);
  expect(old).toMatch(/^[0-9a-f]{7,}$/);
  const title = `${backend}, samples`;
  expect(figures.map(({ name }: { name: string }) => name)).toEqual([
    `${title}: throughput`,
    `${title}: CPU per alert`,
  ]);
  for (const figure of figures) expect(figure.ratios).toEqual([figure.new[0] / figure.old[0]]);
  expect(await readdir(folder)).toEqual([]);
  expect(await listWorktrees()).not.toContain(folder);
}, 1_200_000);

it('removes the worktree of the other revision when it is interrupted', async () => {
  const { folder, backend } = await prepare();
  const args = ['bench/index.ts', '--compare', 'HEAD', '--set', 'samples', '--backend', backend];
  const command = startCommand(process.execPath, args, { env: { ...process.env, TMPDIR: folder } });
  // The old revision has started its stack, in a folder of its own.
  const hasStack = async () => {
    for await (const _path of glob(`bench-*/${backend}/postgres`, { cwd: folder })) return true;
    return false;
  };
  await expect.poll(hasStack, { timeout: 170_000 }).toBe(true);
  expect(await listWorktrees()).toContain(folder);
  command.stop('SIGINT');
  expect((await command.result).code).toBe(1);
  expect(await readdir(folder)).toEqual([]);
  expect(await listWorktrees()).not.toContain(folder);
}, 600_000);

async function prepare() {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'bench-test-')));
  onTestFinished(() => rm(folder, { recursive: true }));
  await chmod(folder, 0o755); // as root, PostgreSQL runs as the user nobody
  return { folder, backend: inject('redisCommand') === null ? 'postgres' : 'redis' };
}

async function listWorktrees(): Promise<string> {
  return (await promisify(execFile)('git', ['worktree', 'list'], { cwd: import.meta.dirname })).stdout;
}
