import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { type Collector, formatTrace, startCollector } from '../harness/otlp-collector.ts';
import { createStack, type Stack } from '../harness/stack.ts';

// One trace through two processes. SHOW_TRACE=1 prints it.

const POLL = { timeout: 150_000, interval: 100 };
const LIMIT_MS = 180_000;
const BACKENDS = inject('redisUrl') === null ? (['postgres'] as const) : (['postgres', 'redis'] as const);

describe.each(BACKENDS)('traces with the queue on %s', { timeout: LIMIT_MS }, (backend) => {
  let collector: Collector;
  let stack: Stack;

  // One stack for all tests, which run in this order: the video server does not run at first, and no service at last.
  beforeAll(async () => {
    collector = await startCollector();
    stack = await createStack({ backend, env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint } });
    await Promise.all([...stack.apis, ...stack.workers].map((service) => service.start()));
  }, LIMIT_MS);
  afterAll(async () => {
    await stack?.close();
    await collector?.close();
  });
  beforeEach(() => void collector.spans.splice(0));

  /** Returns the spans of a trace once it contains this number of `mark` spans, the POST, and the span of each claimed job. */
  const spansOf = (trace: string, marks: number) =>
    vi.waitFor(() => {
      const spans = collector.spans.filter((span) => span.trace === trace);
      const count = (wanted: string) => spans.filter(({ name }) => name === wanted).length;
      expect(count('mark')).toBe(marks);
      // Each process exports its spans on its own: these may arrive later than the mark.
      expect(count('POST /alerts')).toBe(1);
      expect(count('process alerts')).toBe(count('claim'));
      return spans;
    }, POLL);

  it('continues the client’s trace through a redelivery to the notification', async () => {
    const [trace, client] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
    const uuid = await stack.post({}, { traceparent: `00-${trace}-${client}-01` });
    const worker = stack.workers[0];
    await expect.poll(() => worker?.lines.join('\n'), POLL).toContain('attempt failed, will retry');
    await stack.videoServer?.start();
    expect(await stack.waitUntilNotified(uuid)).toMatchObject({ status: 'processed' });
    const spans = await spansOf(trace, 1);
    if (process.env.SHOW_TRACE) process.stdout.write(formatTrace(spans));

    const named = (name: string) => spans.filter((span) => span.name === name);
    expect(named('POST /alerts')).toMatchObject([{ service: 'video-alerts-api', parent: client }]);
    expect(named('fetch').length).toBeGreaterThanOrEqual(2);
    expect(named('fetch')[0]).toMatchObject({ service: 'video-alerts-worker', failed: true });
    for (const name of ['probe', 'record', 'notify', 'mark']) expect(named(name), name).toHaveLength(1);
    // Every span has its parent in the trace.
    const orphans = () => {
      const ids = new Set([client, ...collector.spans.filter((span) => span.trace === trace).map(({ id }) => id)]);
      return spans.filter(({ parent }) => !ids.has(parent));
    };
    await expect.poll(orphans, POLL).toEqual([]);
    // The logs of both services contain the trace.
    const line = new RegExp(`${uuid}.*"traceId":"${trace}"|"traceId":"${trace}".*${uuid}`);
    for (const { lines } of [...stack.apis, ...stack.workers]) {
      await expect.poll(() => lines.some((each) => line.test(each)), POLL).toBe(true);
    }
  });

  it('continues the trace of the POST when an operator retries, also after the queue was flushed', async () => {
    await stack.videoServer?.start();
    const uuid = await stack.post({ video: '/videos/broken.mp4' });
    expect(await stack.waitUntilNotified(uuid)).toMatchObject({ status: 'failed' });
    // Without a client's trace, the POST is the root.
    const post = () => collector.spans.find(({ name, parent }) => name === 'POST /alerts' && parent === '');
    await expect.poll(post, POLL).toBeDefined();
    const trace = post()?.trace ?? '';
    await spansOf(trace, 1);
    await stack.redis?.send('FLUSHALL');
    expect((await stack.request(`/alerts/${uuid}/retry`, { method: 'POST' })).status).toBe(202);
    await expect.poll(() => stack.waitUntilNotified(uuid), POLL).toMatchObject({ attempts: 2 });
    const spans = await spansOf(trace, 2);
    if (process.env.SHOW_TRACE) process.stdout.write(formatTrace(spans));
    expect(spans.filter(({ name }) => name === 'notify')).toHaveLength(2);
    expect(spans.filter(({ name }) => name === 'probe' || name === 'fetch').some(({ failed }) => failed)).toBe(true);
  });

  it('does not start for an idle queue, and sends its spans before a service ends', async () => {
    await stack.videoServer?.start();
    await stack.waitUntilNotified(await stack.post());
    await Promise.all([...stack.apis, ...stack.workers].map((service) => service.stop()));
    const roots = collector.spans.filter(({ parent }) => parent === '').map(({ name }) => name);
    expect(roots).toContain('POST /alerts');
    expect(roots.filter((name) => !/^(GET|POST) /.test(name))).toEqual([]);
    expect(collector.spans.map(({ name }) => name)).toContain('mark');
  });
});
