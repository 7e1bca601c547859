import { Registry } from '@prometheus-io/client';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { VideoServerUnreachable, WorkerCrashed } from '../errors.ts';
import { createSourcesHealth, type SourceHealth } from '../source-health.ts';
import { startTestWorker } from './test-worker.ts';

const FAILURE = { code: 'video_server_unreachable', detail: 'refused' } as const;

/** Returns the health of sources whose mapping of stores the test changes. */
function openSources({ several = true } = {}) {
  const registry = new Registry();
  const stores: Record<string, string> = { 'paris-1': 'paris' };
  const nameOf = ({ store, source }: { store: string; source: string | null }) => source ?? stores[store] ?? 'default';
  const sources = createSourcesHealth({ nameOf, several, log: pino({ enabled: false }), registry });
  const up = async () => {
    const lines = (await registry.metrics()).matchAll(/^video_source_up\{source="(.*)"\} (\d)$/gm);
    return Object.fromEntries([...lines].map(([, source, value]) => [source, Number(value)]));
  };
  return { sources, stores, up };
}

const fail = (source: SourceHealth) => 'abcde'.split('').map((alert) => source.failed(alert, FAILURE));
const at = (store: string, source: string | null = null) => ({ store, source });

describe('the health of sources', () => {
  it('is that of the source of the alert, else of its store', async () => {
    const { sources, stores, up } = openSources();
    sources.update(['default', 'paris', 'berlin']);
    expect(fail(sources.of(at('paris-1')))).toEqual([false, false, true, true, true]);
    expect(await up()).toEqual({ default: 1, paris: 0, berlin: 1 });
    expect(sources.of(at('x', 'paris')).admit('f')).toMatchObject({ kind: 'wait', failure: FAILURE });
    expect(sources.of(at('paris-1', 'berlin')).admit('f')).toMatchObject({ kind: 'attempt' });
    expect(sources.of(at('berlin-1')).admit('f')).toMatchObject({ kind: 'attempt' });
    // The file maps the store to another source: its alerts no longer wait.
    stores['paris-1'] = 'berlin';
    expect(sources.of(at('paris-1')).admit('f')).toMatchObject({ kind: 'attempt' });
  });

  it('begins again when the file has another source of this name, or none', async () => {
    const { sources, up } = openSources();
    sources.update(['default', 'paris', 'berlin']);
    const before = sources.of(at('paris-1'));
    fail(before);
    fail(sources.of(at('x', 'berlin')));
    sources.update(['default', 'paris'], ['paris', 'berlin']);
    expect(await up()).toEqual({ default: 1, paris: 1 });
    expect(sources.of(at('paris-1')).admit('f')).toMatchObject({ kind: 'attempt' });
    // An attempt in progress still has the former source.
    before.responded();
    fail(before);
    expect(await up()).toEqual({ default: 1, paris: 1 });
    // Without the source, its alerts wait together.
    fail(sources.of(at('x', 'berlin')));
    expect(await up()).toEqual({ default: 1, paris: 1, berlin: 0 });
  });

  it('names the source in details, except if there is only VIDEO_SERVER or if the video crashed its worker', () => {
    const refused = new VideoServerUnreachable('connection refused');
    expect(openSources().sources.of(at('paris-1')).describe(refused)).toBe('source paris: connection refused');
    expect(openSources().sources.of(at('x')).describe(refused)).toBe('source default: connection refused');
    const { sources } = openSources({ several: false });
    expect(sources.of(at('x')).describe(refused)).toBe('connection refused');
    expect(sources.of(at('x', 'gone')).describe(refused)).toBe('source gone: connection refused');
    expect(openSources().sources.of(at('x')).describe(new WorkerCrashed('crashed'))).toBe('crashed');
  });
});

describe('a job', () => {
  async function startWithParisDown() {
    const worker = await startTestWorker({ nameOf: ({ source }) => source ?? 'default', maxAttempts: 100 });
    onTestFinished(() => worker.close());
    for (let n = 0; n < 5; n += 1) await worker.handle((await worker.add('/broken/h264.mp4', 0, 'paris')).uuid);
    return worker;
  }
  const reason = 'video_server_error: source paris: the video server responded with status 500';

  it('of a source that is down waits without a connection, and after its first delivery without a claim', async () => {
    const worker = await startWithParisDown();
    const { uuid } = await worker.add('/right/h264.mp4', 0, 'paris');
    const hint = { source: 'paris' };
    expect(await worker.handle(uuid, { hint })).toMatchObject({ kind: 'retry', reason });
    const row = await worker.row(uuid);
    expect(row).toMatchObject({ status: 'pending', attempts: 0, claims: 1, lastError: reason });
    const again = await worker.handle(uuid, { hint, queuedAt: new Date() });
    expect(again).toMatchObject({ kind: 'retry', delayMs: expect.any(Number) });
    expect(await worker.row(uuid)).toEqual(row);
    expect(worker.videos.requests).toHaveLength(5);
    expect(await worker.handle((await worker.add('/right/h264.mp4')).uuid)).toEqual({ kind: 'done' });
  });

  it('that says another source than the row has the result of the row', async () => {
    const worker = await startWithParisDown();
    const ofDefault = await worker.add('/right/h264.mp4');
    expect(await worker.handle(ofDefault.uuid, { hint: { source: 'paris' } })).toEqual({ kind: 'done' });
    const ofParis = await worker.add('/right/h264.mp4', 0, 'paris');
    expect(await worker.handle(ofParis.uuid)).toMatchObject({ kind: 'retry', reason });
    expect(await worker.row(ofParis.uuid)).toMatchObject({ status: 'pending', attempts: 0, lastError: reason });
    expect(worker.videos.requests).toHaveLength(6);
  });

  it('logs the name of the source', async () => {
    const worker = await startWithParisDown();
    expect(worker.logged.find(({ msg }) => msg === 'attempt failed, will retry')).toMatchObject({
      detail: 'source paris: the video server responded with status 500',
    });
    expect(worker.logged.find(({ msg }) => String(msg).includes('outage started'))).toMatchObject({ source: 'paris' });
  });
});
