import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from '@prometheus-io/client';
import { pino } from 'pino';
import { type Alert, addPending, findAlert } from '#prisma/alerts.ts';
import { type Database, openDatabase } from '#prisma/client.ts';
import type { AlertJob } from '#redis/contract.ts';
import type { Delivery, JobResult } from '#redis/queue.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { startVideoServer, type VideoServer } from '#test/harness/video-server.ts';
import { withNotificationMetrics } from '../attempt-metrics.ts';
import type { HandleJobDeps } from '../attempt-run.ts';
import { handleJob } from '../handle-job.ts';
import { createMetrics, type WorkerMetrics } from '../metrics.ts';
import type { Notification, Notifier } from '../notify/notifier.ts';
import { createOutageLog } from '../outage-log.ts';
import { createSourceBreaker, type SourceBreaker } from '../source-breaker.ts';
import { createSourcesHealth, openHealth, type SourcesHealth } from '../source-health.ts';
import { createVideoReader } from '../video/http/range-reader.ts';
import { probe } from '../video/probe.ts';
import { videoUrl } from '../video/sources.ts';
import type { OpenVideo } from '../video/types.ts';
import { FIXTURES } from './worker-fixture.ts';

export type TestWorker = {
  db: Database;
  databaseUrl: string;
  videos: VideoServer;
  /** Notifications sent, in order. */
  notified: Notification[];
  /** Destinations whose deliveries were triggered, in order. */
  triggered: string[];
  /** Deliveries that were recorded as muted. */
  muted: number;
  /** While set, every notification fails with this error. */
  failNotifying: Error | undefined;
  /** Runs in every attempt between probe and record. */
  pause: (() => Promise<unknown>) | undefined;
  /** Runs after every notification, before its mark. */
  pauseNotified: (() => Promise<unknown>) | undefined;
  logged: Record<string, unknown>[];
  metrics: WorkerMetrics;
  /** Inserts an alert with this video, received `ageMs` ago. */
  add(video: string, ageMs?: number, source?: string): Promise<Alert>;
  handle(
    uuid: string,
    options?: { signal?: AbortSignal; ffprobePath?: string; hint?: Partial<AlertJob> } & Partial<Delivery>,
  ): Promise<JobResult>;
  row(uuid: string): Promise<Alert>;
  /** For a test that shares the worker with others: forgets notifications, requests, log lines and settings. */
  reset(): void;
  close(): Promise<void>;
};

/** handleJob with a real database and video server; the notifier writes into an array. */
export async function startTestWorker({
  maxAttempts = 3,
  horizonMs = 24 * 3_600_000,
  byteBudget = 8 * 1024 * 1024,
  shortTimeoutMs = 10_000,
  // Most tests let single alerts fail, which must not stop others.
  breaker = createSourceBreaker({ alerts: Number.POSITIVE_INFINITY, firstProbeMs: 0, maxProbeMs: 0 }),
  // Set: each source has a breaker of its own, as in production.
  nameOf = undefined as ((location: { store: string; source: string | null }) => string) | undefined,
  // Long enough for a busy machine; tests of timeouts set their own.
  timeoutMs = 30_000,
  attemptTimeoutMs = 60_000,
  folder = tmpdir(),
} = {}): Promise<TestWorker> {
  const database = await createTestDatabase();
  const db = openDatabase(database.url, { poolSize: 5, onError: () => {} });
  const videos = await startVideoServer({ root: FIXTURES });
  const reader = createVideoReader({ origin: videos.origin, connections: 8, byteBudget, timeoutMs });
  const temporaryFolder = await mkdtemp(join(folder, 'worker-test-'));
  const limits = { horizonMs, maxAttempts, byteBudget, attemptTimeoutMs, shortTimeoutMs };
  const state = {
    notified: [],
    triggered: [],
    muted: 0,
    failNotifying: undefined,
    pause: undefined,
    pauseNotified: undefined,
    logged: [],
  };
  let sources: Pick<SourcesHealth, 'of'> | undefined;
  const worker: TestWorker = {
    ...state,
    db,
    databaseUrl: database.url,
    videos,
    metrics: createMetrics(new Registry()),
    async add(video, ageMs = 60_000, source = undefined) {
      const uuid = randomUUID();
      const alert = { uuid, video, store: 'test-store', source, timestamp: 1748871320.6882, requestId: 'request-1' };
      await addPending(db, alert);
      // By the database's clock, as in production.
      await db.$executeRaw`
        UPDATE alerts SET received_at = now() - make_interval(secs => ${ageMs / 1000}) WHERE uuid = ${uuid}::uuid`;
      return worker.row(uuid);
    },
    handle(uuid, { signal = new AbortController().signal, ffprobePath, hint, ...delivery } = {}) {
      const openVideo: HandleJobDeps['openVideo'] = ({ video }, attempt) =>
        reader.open(videoUrl(video, videos.origin), attempt);
      const parts = depsOf(worker, { ffprobePath, temporaryFolder });
      sources ??= openSourcesHealth(parts, breaker, nameOf);
      const deps = { ...parts, limits, maxCrashes: 3, openVideo, sources };
      return handleJob(deps, { uuid, requestId: 'request-1', ...hint }, signal, delivery);
    },
    async row(uuid) {
      const alert = await findAlert(db, uuid);
      if (!alert) throw new Error(`no row ${uuid}`);
      return alert;
    },
    reset() {
      for (const list of [worker.notified, worker.triggered, worker.logged, videos.requests]) list.length = 0;
      worker.failNotifying = undefined;
      worker.pause = undefined;
      worker.pauseNotified = undefined;
    },
    async close() {
      reader.close();
      await videos.close();
      await db.$disconnect();
      await database.drop();
      const leftOver = await readdir(temporaryFolder);
      await rm(temporaryFolder, { recursive: true });
      if (leftOver.length > 0) throw new Error(`temporary files left over: ${leftOver.join(', ')}`);
    },
  };
  return worker;
}

function openSourcesHealth(
  { log, metrics }: Pick<HandleJobDeps, 'log' | 'metrics'>,
  breaker: SourceBreaker,
  nameOf: ((location: { store: string; source: string | null }) => string) | undefined,
): Pick<SourcesHealth, 'of'> {
  if (nameOf) return createSourcesHealth({ nameOf, several: true, log, registry: metrics.registry });
  const health = openHealth(breaker, createOutageLog(log, 'default'), '');
  return { of: () => health };
}

function depsOf(worker: TestWorker, options: { ffprobePath: string | undefined; temporaryFolder: string }) {
  const notifier: Notifier = {
    async notify(notification) {
      if (worker.failNotifying) throw worker.failNotifying;
      worker.notified.push(notification);
      await worker.pauseNotified?.();
    },
  };
  return {
    db: worker.db,
    metrics: worker.metrics,
    log: pino({ level: 'debug' }, { write: (line) => worker.logged.push(JSON.parse(line)) }),
    notifier: withNotificationMetrics(notifier, worker.metrics),
    triggerDeliveries: (ids: readonly string[]) => void worker.triggered.push(...ids),
    countMuted(count: number) {
      worker.muted += count;
    },
    async probe(video: OpenVideo, signal: AbortSignal) {
      const { facts } = await probe(video, { ...options, timeoutMs: 30_000, signal });
      await worker.pause?.();
      return facts;
    },
  };
}
