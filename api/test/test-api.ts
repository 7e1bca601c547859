import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Registry } from '@prometheus-io/client';
import type { Express } from 'express';
import { pino } from 'pino';
import { afterEach, expect } from 'vitest';
import { type Database, openDatabase } from '#prisma/client.ts';
import { checkDatabase, checkMigrations } from '#prisma/readiness.ts';
import { migrateQueue } from '#redis/migrate.ts';
import { type AlertQueue, checkQueue, openAlertQueue } from '#redis/queue.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { createBackpressure } from '../alerts/backpressure.ts';
import { ChangeFeed } from '../alerts/change-feed.ts';
import { LongPoll } from '../alerts/long-poll.ts';
import { type AppDeps, createApp } from '../app.ts';
import type { Auth } from '../auth/caller.ts';
import { createMetrics } from '../operations/metrics.ts';
import { registerSystemGauges } from '../operations/system-gauges.ts';
import { createAlertServer } from '../server.ts';
import { watched } from './contract.ts';

// Every answer that a test gets is held against the OpenAPI document; one that departs from it fails that test.
const faults: string[] = [];
afterEach(() => {
  expect(faults.splice(0)).toEqual([]);
});

export type TestApi = {
  url: string;
  app: Express;
  databaseUrl: string;
  db: Database;
  queue: AlertQueue;
  /** Every line the api logged, parsed. */
  logged: Record<string, unknown>[];
  post(body: unknown, headers?: Record<string, string>): Promise<Response>;
  changes: ChangeFeed;
  waits: LongPoll;
  stop(): void;
  close(): Promise<void>;
};

/** The app on a port of its own, on a database of its own; the queue in that database unless told otherwise. */
export async function startTestApi(
  options: {
    databaseUrl?: string;
    queueUrl?: string;
    auth?: Auth | ((db: Database) => Auth);
    maxHeld?: number;
    corsOrigins?: string[];
    trustProxy?: number;
    limits?: AppDeps['limits'];
    maxDepth?: number;
    videos?: string;
  } = {},
): Promise<TestApi> {
  const database = await createTestDatabase();
  const queueUrl = options.queueUrl ?? database.url;
  if (options.queueUrl === undefined) await migrateQueue(queueUrl);
  const db = openDatabase(options.databaseUrl ?? database.url, { poolSize: 10, onError: () => {} });
  const queue = openAlertQueue(queueUrl, () => {});
  const logged: Record<string, unknown>[] = [];
  let stopping = false;
  const log = pino({ level: 'debug' }, { write: (line) => logged.push(JSON.parse(line)) });
  const changes = new ChangeFeed(db, log);
  const waits = new LongPoll(db);
  const metrics = createMetrics(new Registry());
  registerSystemGauges(metrics.registry, { db, queue });
  const app = createApp({
    db,
    queue,
    log,
    changes,
    waits,
    metrics,
    maxHeld: options.maxHeld ?? 32,
    trustProxy: options.trustProxy ?? 0,
    auth: typeof options.auth === 'function' ? options.auth(db) : (options.auth ?? 'off'),
    corsOrigins: options.corsOrigins ?? [],
    limits: options.limits,
    room: createBackpressure(queue, options.maxDepth ?? 1_000_000),
    videos: options.videos,
    readiness: {
      required: { database: () => checkDatabase(db), migrations: () => checkMigrations(db) },
      deferrable: { queue: () => checkQueue(queue) },
      stopping: () => stopping,
    },
  });
  const server = createAlertServer(watched(app, (fault) => faults.push(fault))).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // listening on TCP
  return {
    url,
    app,
    databaseUrl: database.url,
    db,
    queue,
    logged,
    changes,
    waits,
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
      changes.close();
      waits.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await queue.close();
      await db.$disconnect();
      await database.drop();
    },
  };
}

/** The body of an answer; tests say what they expect of it. */
// biome-ignore lint/suspicious/noExplicitAny: every use is an assertion about its form
export async function json(answer: Response): Promise<any> {
  return answer.json();
}

/** A body that is accepted, with a uuid of its own. */
export function newAlert(changes: Record<string, unknown> = {}) {
  return {
    uuid: randomUUID(),
    video: '/videos/test_1.avi',
    timestamp: 1748871320.6882,
    store: 'test-store',
    ...changes,
  };
}

/** Calls `look` until it answers something, for at most 20 s. */
export async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (const deadline = Date.now() + 20_000; ; ) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (Date.now() > deadline) throw new Error(`not within 20 s: ${look}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
