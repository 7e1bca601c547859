import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest';
import { openStack, type Stack } from '../harness/observed-stack.ts';
import { startRedisServer } from '../harness/redis.ts';
import { findTestProgram } from '../harness/system-packages.ts';
import { until } from '../harness/until.ts';

// Grafana's dashboard over an api and a worker, by way of Prometheus: over the rooms' borders, so out here.

type Panel = {
  id: number;
  title: string;
  datasource: { type: string; uid: string };
  gridPos: { x: number; y: number; w: number; h: number };
  targets: { refId: string; expr: string; legendFormat: string }[];
};

const read = (name: string) => readFileSync(new URL(`../../observability/${name}`, import.meta.url), 'utf8');
const { panels } = JSON.parse(read('grafana/dashboard.json')) as { panels: Panel[] }; // the form in which Grafana keeps it

describe('the dashboard', () => {
  it('asks the data source that is provisioned, at the pace of the scrapes', () => {
    const source = read('grafana/datasource.yml');
    const uid = /^ +uid: (\S+)/m.exec(source)?.[1];
    const type = /^ +type: (\S+)/m.exec(source)?.[1];
    for (const { title, datasource } of panels) expect(datasource, title).toEqual({ type, uid });
    const interval = /scrape_interval: (\S+)/.exec(read('prometheus/prometheus.yml'))?.[1];
    expect(source).toContain(`timeInterval: ${interval} `);
  });

  it('gives each panel and query a name of its own, and a place that no other panel covers', () => {
    const unlike = (names: unknown[]) => expect(new Set(names).size, names.join()).toBe(names.length);
    unlike(panels.map(({ id }) => id));
    unlike(panels.map(({ title }) => title));
    for (const { targets } of panels) unlike(targets.map(({ refId }) => refId));
    const cells = panels.flatMap(({ title, gridPos: { x, y, w, h } }) => {
      expect(x + w, title).toBeLessThanOrEqual(24); // Grafana's columns
      return Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`);
    });
    expect(cells.length).toBe(new Set(cells).size);
  });
});

const found = await findTestProgram({ commands: ['prometheus'], aptPackage: 'prometheus' }, process.env);

describe.skipIf('missing' in found || inject('redisUrl') === null)('Prometheus, scraping a house at work', () => {
  let house: Stack;
  let queueUrl: string;
  beforeEach(async () => {
    const redis = await startRedisServer();
    queueUrl = redis.url;
    house = await openStack();
    return async () => {
      await house.close();
      await redis.stop();
    };
  });

  it('has numbers for every query of the dashboard, and can judge every alarm', { timeout: 120_000 }, async () => {
    await house.start({ QUEUE_URL: queueUrl });
    await house.startVideos();
    const ask = await startPrometheus('path' in found ? found.path : '', house);
    const look = async () => {
      // One that is processed, one that fails, one that is tried again. A rate needs two scrapes with something in between.
      for (const video of ['test_1.avi', 'broken.mp4', 'missing.mp4']) await house.post(`/videos/${video}`);
      await house.ask('/alerts');
      const targets = panels.flatMap(({ title, targets }) => targets.map((target) => ({ title, ...target })));
      const faults = targets.map(async ({ title, expr, legendFormat }) => {
        const fault = await faultOf(ask, expr, legendFormat);
        return fault && `${title}: ${fault}: ${expr}`;
      });
      return (await Promise.all(faults)).filter(Boolean);
    };
    await expect.poll(look, { timeout: 60_000, interval: 1_000 }).toEqual([]);
    const { groups } = await ask('rules');
    const rules = groups?.flatMap((group) => group.rules) ?? [];
    expect(rules.length).toBe(read('prometheus/rules.yml').match(/- alert:/g)?.length);
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
  });
});

/** What Prometheus answers on a query, and on `rules`. */
type Answer = {
  result?: { metric: Record<string, string>; value: [number, string] }[];
  groups?: { rules: { name: string; health: string; lastError?: string }[] }[];
};
type Ask = (path: string) => Promise<Answer>;

/** Why the panel would be empty or its legend bare; undefined when it is neither. */
async function faultOf(ask: Ask, expr: string, legend: string): Promise<string | undefined> {
  // As Grafana fills it in: four scrapes. What stands behind `or` is for a house in which nothing happens.
  const query = expr.replaceAll('$__rate_interval', '1m').split(' or ')[0] ?? '';
  const { result = [] } = await ask(`query?${new URLSearchParams({ query })}`);
  if (!result.some(({ value }) => Number.isFinite(Number(value[1])))) return 'no number';
  const labels = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label);
  const bare = labels.find((label) => result.some(({ metric }) => !metric[label]));
  return bare && `no label ${bare}`;
}

/** With the house's own configuration and rules, but each second, without delays, and with one worker that does not answer. */
async function startPrometheus(program: string, { api, ops }: Stack): Promise<Ask> {
  const folder = await mkdtemp(join(tmpdir(), 'prometheus-'));
  const targets: Record<string, string[]> = { api: [new URL(api).host], worker: [new URL(ops).host, '127.0.0.1:9'] };
  const config = read('prometheus/prometheus.yml')
    .replaceAll(/_interval: \w+$/gm, '_interval: 1s')
    .replace('/run/observability/metrics_key', join(folder, 'key'))
    .replaceAll(/dns_sd_configs: \[\{ names: \[(\w+)\].*\]/g, (_, job) => {
      return `static_configs: [{ targets: ${JSON.stringify(targets[job])} }]`;
    });
  await writeFile(join(folder, 'prometheus.yml'), config);
  await writeFile(join(folder, 'rules.yml'), read('prometheus/rules.yml').replaceAll(/ for: \w+$/gm, ' for: 0s'));
  await writeFile(join(folder, 'key'), 'AUTH is off');
  const options = ['--config.file=prometheus.yml', '--storage.tsdb.path=data', '--web.listen-address=127.0.0.1:0'];
  const child = spawn(program, options, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  const lines: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => lines.push(line));
  onTestFinished(async () => {
    if (child.exitCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await rm(folder, { recursive: true });
  });
  const address = await until(() => {
    if (child.exitCode !== null) throw new Error(`Prometheus ended:\n${lines.join('\n')}`);
    return /Listening on" address=(127\S+)/.exec(lines.join('\n'))?.[1];
  });
  return async (path) => {
    const answer = await fetch(`http://${address}/api/v1/${path}`);
    // The form of Prometheus' HTTP API.
    const { data, error } = (await answer.json()) as { data: Answer; error?: string };
    if (error) throw new Error(`${path}: ${error}`);
    return data;
  };
}
