import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { beforeEach, describe, expect, inject, it } from 'vitest';
import { migrateQueue } from '#redis/migrate.ts';
import { openStack, type Stack } from '../harness/observed-stack.ts';
import { type Collector, formatTrace, startCollector } from '../harness/otlp-collector.ts';
import { type RedisServer, startRedisServer } from '../harness/redis.ts';
import { until } from '../harness/until.ts';

// One trace through two processes: over the rooms' borders, so out here. SHOW_TRACE=1 prints it.

let house: Stack;
beforeEach(async () => {
  house = await openStack();
  return () => house.close();
});

const backends = inject('redisUrl') === null ? (['postgres'] as const) : (['postgres', 'redis'] as const);

describe.each(backends)('traces with the queue on %s', (backend) => {
  let collector: Collector;
  let redis: RedisServer | undefined;
  beforeEach(async ({ onTestFinished }) => {
    collector = await startCollector();
    onTestFinished(() => collector.close());
    redis = backend === 'redis' ? await startRedisServer() : undefined;
    onTestFinished(() => redis?.stop());
    const queueUrl = redis?.url ?? house.databaseUrl;
    await migrateQueue(queueUrl);
    await house.start({ QUEUE_URL: queueUrl, OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint });
  });
  const spansOf = (trace: string, mark: number) =>
    until(() => {
      const spans = collector.spans.filter((span) => span.trace === trace);
      return spans.filter(({ name }) => name === 'mark').length === mark ? spans : undefined;
    });

  it('go on in the caller’s trace through a redelivery to the notification', async () => {
    const [trace, caller] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
    const uuid = await house.post('/videos/test_2.mp4', { traceparent: `00-${trace}-${caller}-01` });
    await until(() => house.parts[1]?.lines.some((line) => line.includes('attempt failed, will retry')));
    await house.startVideos();
    expect(await house.notified(uuid)).toMatchObject({ status: 'processed' });
    const spans = await spansOf(trace, 1);
    if (process.env.SHOW_TRACE) process.stdout.write(formatTrace(spans));

    const named = (name: string) => spans.filter((span) => span.name === name);
    expect(named('POST /alerts')).toMatchObject([{ service: 'video-alerts-api', parent: caller }]);
    expect(named('fetch').length).toBeGreaterThanOrEqual(2);
    expect(named('fetch')[0]).toMatchObject({ service: 'video-alerts-worker', failed: true });
    for (const name of ['probe', 'record', 'notify', 'mark']) expect(named(name), name).toHaveLength(1);
    expect(named('claim')).toHaveLength(named('process alerts').length);
    // Every span hangs on another one of the trace.
    const ids = new Set([caller, ...spans.map(({ id }) => id)]);
    await until(() => {
      for (const span of collector.spans) if (span.trace === trace) ids.add(span.id);
      return spans.every(({ parent }) => ids.has(parent));
    });
    // The logs of both parts name the trace.
    for (const { lines } of house.parts.slice(0, 2))
      expect(
        lines.filter((line) => line.includes(uuid) && line.includes(`"traceId":"${trace}"`)).length,
      ).toBeGreaterThan(0);
  });

  it('go on in the trace of the POST when an operator retries, after the queue was wiped too', async () => {
    await house.startVideos();
    const uuid = await house.post('/videos/broken.mp4');
    expect(await house.notified(uuid)).toMatchObject({ status: 'failed' });
    const { trace } = await until(() => collector.spans.find(({ name }) => name === 'POST /alerts'));
    await spansOf(trace, 1);
    if (redis) execFileSync('redis-cli', ['-p', `${redis.port}`, 'FLUSHALL']);
    expect((await house.ask(`/alerts/${uuid}/retry`, { method: 'POST' })).status).toBe(202);
    await until(async () => (await house.notified(uuid)).attempts === 2);
    const spans = await spansOf(trace, 2);
    if (process.env.SHOW_TRACE) process.stdout.write(formatTrace(spans));
    expect(spans.filter(({ name }) => name === 'notify')).toHaveLength(2);
    expect(spans.filter(({ name }) => name === 'probe' || name === 'fetch').some(({ failed }) => failed)).toBe(true);
  });

  it('are not begun by a queue that has nothing to do, and are sent before a part ends', async () => {
    await house.startVideos();
    const uuid = await house.post('/videos/test_2.mp4');
    await house.notified(uuid);
    for (const { child } of house.parts.slice(0, 2)) child.kill('SIGTERM');
    await Promise.all(house.parts.slice(0, 2).map(({ child }) => child.exitCode ?? once(child, 'exit')));
    const roots = collector.spans.filter(({ parent }) => parent === '').map(({ name }) => name);
    expect(roots).toContain('POST /alerts');
    expect(roots.filter((name) => !/^(GET|POST) /.test(name))).toEqual([]);
    expect(collector.spans.map(({ name }) => name)).toContain('mark');
  });
});
