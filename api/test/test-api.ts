import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Registry } from '@prometheus-io/client';
import type { Express } from 'express';
import { pino } from 'pino';
import { afterEach, expect } from 'vitest';
import { describeConfig } from '#config/describe.ts';
import { linkKeys } from '#media/links.ts';
import { appendAudit } from '#prisma/audit.ts';
import { type Database, openDatabase } from '#prisma/client.ts';
import { openDeliveryQueue } from '#redis/delivery-queue.ts';
import { type AlertQueue, openAlertQueue } from '#redis/queue.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { createBackpressure } from '../alerts/backpressure.ts';
import { ChangeFeed } from '../alerts/change-feed.ts';
import { FeedLag } from '../alerts/feed-lag.ts';
import { LongPoll } from '../alerts/long-poll.ts';
import { ResponseCache, type ResponseCacheOptions } from '../alerts/response-cache.ts';
import { type AppDeps, createApp } from '../app.ts';
import { createReadLog } from '../audit/reads.ts';
import type { Auth } from '../auth/client.ts';
import { createFailedLogins } from '../auth/failed-logins.ts';
import { apiFields } from '../config.ts';
import { registerBackupGauges } from '../operations/backup-gauges.ts';
import { createMetrics, registerCacheGauges } from '../operations/metrics.ts';
import { createReadiness } from '../operations/readiness.ts';
import { registerSystemGauges } from '../operations/system-gauges.ts';
import { createAlertServer } from '../server.ts';
import { withContractCheck } from './contract.ts';

// Every response is validated against the OpenAPI document. A violation fails the test that got the response.
const violations: string[] = [];
afterEach(() => {
  expect(violations.splice(0)).toEqual([]);
});

/** The key of destinations' secrets. */
export const SECRETS_KEY = randomBytes(32);

export type TestApi = {
  url: string;
  app: Express;
  databaseUrl: string;
  db: Database;
  queue: AlertQueue;
  /** Every line that the api logged, parsed. */
  logged: Record<string, unknown>[];
  post(body: unknown, headers?: Record<string, string>): Promise<Response>;
  changeFeed: ChangeFeed;
  longPoll: LongPoll;
  responses: ResponseCache;
  /** Marks the process as stopping, as during a shutdown. */
  stop(): void;
  close(): Promise<void>;
};

/** Starts the app on a free port and on a new database. By default the queue is in that database. */
export async function startTestApi(
  options: {
    databaseUrl?: string;
    queueUrl?: string;
    auth?: Auth | ((db: Database) => Auth);
    maxHeld?: number;
    corsOrigins?: string[];
    allowedHosts?: string[];
    /** Default: true. */
    pictures?: boolean;
    trustProxy?: number;
    rateLimits?: AppDeps['rateLimits'];
    maxDepth?: number;
    videos?: string;
    videoExtensions?: string[];
    sourceNames?: string[];
    sourceOf?: AppDeps['sourceOf'];
    media?: Partial<AppDeps['media']>;
    auditReads?: 'sampled' | 'all';
    feedLag?: { checkMs: number; warnMs: number };
    destinations?: Partial<AppDeps['destinations']>;
    retentionDays?: number;
    /** What GET /settings shows. */
    env?: Record<string, string>;
    /** Undefined: no response is cached, so that changes which a test makes in the database are visible at once. */
    responseCache?: Omit<ResponseCacheOptions, 'onRequest' | 'findChanged'>;
    /** How long it waits for a connection to the database and for a query; default: as in production. */
    databaseTimeoutMs?: number;
  } = {},
): Promise<TestApi> {
  const database = await createTestDatabase({ queue: options.queueUrl === undefined });
  const queueUrl = options.queueUrl ?? database.url;
  const { databaseTimeoutMs: timeoutMs } = options;
  const timeouts = timeoutMs === undefined ? {} : { queryTimeoutMs: timeoutMs, connectTimeoutMs: timeoutMs };
  const db = openDatabase(options.databaseUrl ?? database.url, { poolSize: 10, onError: () => {}, ...timeouts });
  const queue = openAlertQueue(queueUrl, () => {});
  const deliveryQueue = openDeliveryQueue(queueUrl, () => {});
  const logged: Record<string, unknown>[] = [];
  let stopping = false;
  const log = pino({ level: 'debug' }, { write: (line) => logged.push(JSON.parse(line)) });
  const longPoll = new LongPoll(db);
  const metrics = createMetrics(new Registry());
  const responses = new ResponseCache({
    findChanged: db.alertReads.findChanged,
    ...(options.responseCache ?? { maxBytes: 0 }),
    onRequest: (result) => metrics.cachedResponses.inc({ result }),
  });
  registerCacheGauges(metrics.registry, responses);
  const changeFeed = new ChangeFeed(db, log, (uuid) => responses.drop(uuid));
  const feedLag = new FeedLag(db, log, options.feedLag);
  registerSystemGauges(metrics.registry, { db, queue, feedLag });
  const reads = createReadLog({
    mode: options.auditReads ?? 'off',
    append: (entries) => appendAudit(db, ...entries),
    onDropped: () => violations.push('a read was not recorded'),
  });
  registerBackupGauges(metrics.registry, db);
  const failedLogins = createFailedLogins({ append: (entries) => appendAudit(db, ...entries), intervalMs: 50 });
  const app = createApp({
    staleReads: (read) => read(db),
    db,
    reads,
    failedLogins,
    queue,
    deliveryQueue,
    log,
    configuration: describeConfig(apiFields, { DATABASE_URL: queueUrl, ...options.env }),
    changeFeed,
    longPoll,
    responses,
    metrics,
    maxHeld: options.maxHeld ?? 32,
    trustProxy: options.trustProxy ?? 0,
    pictures: options.pictures ?? true,
    auth: typeof options.auth === 'function' ? options.auth(db) : (options.auth ?? 'off'),
    corsOrigins: options.corsOrigins ?? [],
    allowedHosts: options.allowedHosts ?? [],
    rateLimits: options.rateLimits,
    backpressure: createBackpressure(queue, options.maxDepth ?? 1_000_000),
    videos: options.videos,
    videoExtensions: options.videoExtensions,
    sourceNames: () => options.sourceNames ?? [],
    sourceOf: options.sourceOf ?? (() => null),
    destinations: { secretsKey: SECRETS_KEY, allowedCidrs: [], backlogRate: 20, ...options.destinations },
    media: { store: undefined, linkKeys: linkKeys({ SECRETS_KEY }), ...options.media },
    retentionDays: options.retentionDays,
    readiness: createReadiness({ db, queue, stopping: () => stopping }),
  });
  const server = createAlertServer(withContractCheck(app, (violation) => violations.push(violation))).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // listening on TCP
  return {
    url,
    app,
    databaseUrl: database.url,
    db,
    queue,
    logged,
    changeFeed,
    longPoll,
    responses,
    post: (body, headers = {}) =>
      fetch(`${url}/alerts`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    stop: () => {
      stopping = true;
    },
    async close() {
      feedLag.close();
      changeFeed.close();
      longPoll.close();
      responses.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await reads.close();
      await failedLogins.close();
      await queue.close();
      await deliveryQueue.close();
      await db.$disconnect();
      await database.drop();
    },
  };
}

/** Returns the body of a response. Its shape is what tests assert. */
// biome-ignore lint/suspicious/noExplicitAny: every use is an assertion about its shape
export async function json(response: Response): Promise<any> {
  return response.json();
}

/** Returns a valid body of POST /alerts with a new uuid. */
export function newAlert(changes: Record<string, unknown> = {}) {
  return {
    uuid: randomUUID(),
    video: '/videos/test_1.avi',
    timestamp: 1748871320.6882,
    store: 'test-store',
    ...changes,
  };
}

/** For `expect.poll` and `vi.waitFor`. Only a failing test waits this long, so it suits slow machines, too. */
export const POLL = { timeout: 150_000, interval: 50 };
