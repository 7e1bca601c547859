import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest';
import { mediaSettings } from '../harness/media.ts';
import { startProcess, waitUntilReady } from '../harness/process.ts';
import { type Stack, startStack } from '../harness/stack.ts';
import { findTestProgram } from '../harness/system-packages.ts';
import { addFailingDestination } from './failing-destination.ts';

// Grafana's dashboard with the metrics of an api and a worker, through Prometheus.

type Panel = {
  id: number;
  title: string;
  datasource: { type: string; uid: string };
  gridPos: { x: number; y: number; w: number; h: number };
  targets: { refId: string; expr: string; legendFormat: string }[];
};

const read = (name: string) => readFileSync(new URL(`../../observability/${name}`, import.meta.url), 'utf8');
const { panels } = JSON.parse(read('grafana/dashboard.json')) as { panels: Panel[] }; // Grafana's format

describe('the dashboard', () => {
  it('uses the provisioned data source, at the interval of the scrapes', () => {
    const source = read('grafana/datasource.yml');
    const uid = /^ +uid: (\S+)/m.exec(source)?.[1];
    const type = /^ +type: (\S+)/m.exec(source)?.[1];
    for (const { title, datasource } of panels) expect(datasource, title).toEqual({ type, uid });
    const interval = /scrape_interval: (\S+)/.exec(read('prometheus/prometheus.yml'))?.[1];
    expect(source).toContain(`timeInterval: ${interval} `);
  });

  it('has unique panels and queries, and no panel that covers another', () => {
    const expectUnique = (names: unknown[]) => expect(new Set(names).size, names.join()).toBe(names.length);
    expectUnique(panels.map(({ id }) => id));
    expectUnique(panels.map(({ title }) => title));
    for (const { targets } of panels) expectUnique(targets.map(({ refId }) => refId));
    const cells = panels.flatMap(({ title, gridPos: { x, y, w, h } }) => {
      expect(x + w, title).toBeLessThanOrEqual(24); // Grafana's columns
      return Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`);
    });
    expect(cells.length).toBe(new Set(cells).size);
  });
});

const found = await findTestProgram({ commands: ['prometheus'], aptPackage: 'prometheus' }, process.env);

describe.skipIf('missing' in found || inject('redisUrl') === null)(
  'Prometheus with a stack that processes alerts',
  () => {
    let stack: Stack;
    beforeEach(async () => {
      const media = await mkdtemp(join(tmpdir(), 'media-'));
      stack = await startStack({ backend: 'redis', env: await mediaSettings(media) });
      await addFailingDestination(stack.databaseUrl);
      return async () => {
        await stack.close();
        await rm(media, { recursive: true });
      };
    }, 600_000);

    it('has data for every query of the dashboard, and can evaluate every alert rule', {
      timeout: 240_000,
    }, async () => {
      const query = await startPrometheus('path' in found ? found.path : '', stack);
      let lastAvi: string | undefined;
      const readErrors = async () => {
        if (lastAvi) await stack.request(`/alerts/${lastAvi}/copy`, { method: 'POST' });
        lastAvi = await stack.post({ video: '/videos/test_1.avi' });
        // One is processed, one fails, one is retried. A rate needs a change between two scrapes.
        for (const video of ['broken.mp4', 'missing.mp4']) await stack.post({ video: `/videos/${video}` });
        await stack.request('/alerts');
        const targets = panels.flatMap(({ title, targets }) => targets.map((target) => ({ title, ...target })));
        const errors = targets.map(async ({ title, expr, legendFormat }) => {
          const error = await errorOf(query, expr, legendFormat);
          return error && `${title}: ${error}: ${expr}`;
        });
        return (await Promise.all(errors)).filter(Boolean);
      };
      await expect.poll(readErrors, { timeout: 600_000, interval: 1_000 }).toEqual([]);
      const { groups } = await query('rules');
      const rules = groups?.flatMap((group) => group.rules) ?? [];
      expect(rules.length).toBe(read('prometheus/rules.yml').match(/- alert:/g)?.length);
      expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
    });
  },
);

/** Prometheus's response to a query, and to `rules`. */
type Data = {
  result?: { metric: Record<string, string>; value: [number, string] }[];
  groups?: { rules: { name: string; health: string; lastError?: string }[] }[];
};
type Query = (path: string) => Promise<Data>;

/** Returns why the panel would be empty or its legend incomplete; undefined if neither is the case. */
async function errorOf(query: Query, expr: string, legend: string): Promise<string | undefined> {
  // As Grafana fills it in: four scrapes. The part after `or` is for a stack without alerts.
  const filled = expr.replaceAll('$__rate_interval', '1m').split(' or ')[0] ?? '';
  const { result = [] } = await query(`query?${new URLSearchParams({ query: filled })}`);
  if (!result.some(({ value }) => Number.isFinite(Number(value[1])))) return 'no data';
  const labels = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label);
  const missing = labels.find((label) => result.some(({ metric }) => !metric[label]));
  return missing && `no label ${missing}`;
}

/** Starts Prometheus with the system's own configuration, but with scrapes each second, no delays, and an unreachable worker. */
async function startPrometheus(program: string, { apiUrl, opsUrl }: Stack): Promise<Query> {
  const folder = await mkdtemp(join(tmpdir(), 'prometheus-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const hosts: Record<string, string[]> = {
    api: [new URL(apiUrl).host],
    worker: [new URL(opsUrl).host, '127.0.0.1:9'],
  };
  const config = read('prometheus/prometheus.yml')
    .replaceAll(/_interval: \w+$/gm, '_interval: 1s')
    .replace('/run/observability/metrics_key', join(folder, 'key'))
    .replaceAll(/dns_sd_configs: \[\{ names: \[(\w+)\].*\]/g, (_, job) => {
      return `static_configs: [{ targets: ${JSON.stringify(hosts[job])} }]`;
    });
  await writeFile(join(folder, 'prometheus.yml'), config);
  await writeFile(join(folder, 'rules.yml'), read('prometheus/rules.yml').replaceAll(/ for: \w+$/gm, ' for: 0s'));
  await writeFile(join(folder, 'key'), 'AUTH is off');
  const address = /Listening on" address=(127\S+)/;
  const prometheus = startProcess({
    name: 'prometheus',
    file: program,
    args: ['--config.file=prometheus.yml', '--storage.tsdb.path=data', '--web.listen-address=127.0.0.1:0'],
    cwd: folder,
    readyLine: address,
  });
  onTestFinished(async () => void (await prometheus.kill()));
  await waitUntilReady(prometheus);
  const host = address.exec(prometheus.lines.join('\n'))?.[1];
  return async (path) => {
    const response = await fetch(`http://${host}/api/v1/${path}`);
    // The format of Prometheus's HTTP API.
    const { data, error } = (await response.json()) as { data: Data; error?: string };
    if (error) throw new Error(`${path}: ${error}`);
    return data;
  };
}
