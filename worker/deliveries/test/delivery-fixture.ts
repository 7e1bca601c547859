import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { Registry } from '@prometheus-io/client';
import { pino } from 'pino';
import type { TestContext } from 'vitest';
import { allowedCidrsField, isBlockedAddress } from '#destinations/address-rules.ts';
import { seal } from '#destinations/secret-box.ts';
import { addPending, claim, recordFailure, recordResolution } from '#prisma/alerts.ts';
import { type Database, openDatabase } from '#prisma/client.ts';
import { type DestinationRow, findDestination, type NewDestination } from '#prisma/destinations.ts';
import type { Delivery } from '#prisma/generated/client.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { createAddressGuard } from '../../notify/address-guard.ts';
import { openKinds } from '../../notify/kinds.ts';
import { createDeliverer } from '../deliverer.ts';
import type { DrainDeps } from '../drain.ts';
import { createDeliveryMetrics } from '../metrics.ts';
import { startSweep } from '../sweep.ts';

/** Generous: the machine may be busy. */
export const SOON = { timeout: 150_000, interval: 50 };

type Test = Pick<TestContext, 'onTestFinished'>;

export type Received = { id: string; at: number; body: Record<string, unknown>; headers: IncomingMessage['headers'] };
/** `stall`: accepts the request and never responds. `reset`: closes the connection. */
export type Response = { status: number; headers?: Record<string, string>; body?: string } | 'stall' | 'reset';

export type Receiver = {
  url: string;
  received: Received[];
  /** Connections accepted so far. */
  readonly connections: number;
  /** Returns the response to a request. */
  respond: (request: Received) => Response | Promise<Response>;
};

/** Starts an HTTP server that records the messages that it receives, and responds 204 unless `respond` is replaced. */
export async function openReceiver({ onTestFinished }: Test): Promise<Receiver> {
  let connections = 0;
  const receiver: Omit<Receiver, 'connections'> = { url: '', received: [], respond: () => ({ status: 204 }) };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = JSON.parse(Buffer.concat(chunks).toString());
    const received = { id: String(request.headers['webhook-id']), at: Date.now(), body, headers: request.headers };
    receiver.received.push(received);
    const reaction = await receiver.respond(received);
    if (reaction === 'stall') return;
    if (reaction === 'reset') return void request.socket.destroy();
    response.writeHead(reaction.status, reaction.headers).end(reaction.body);
  });
  server.on('connection', () => {
    connections += 1;
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(async () => {
    const closed = once(server.close(), 'close');
    server.closeAllConnections();
    await closed;
  });
  const address = server.address();
  receiver.url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/hook`;
  return Object.defineProperty(receiver, 'connections', { get: () => connections }) as Receiver; // defined in this line
}

type DropFirst<List extends unknown[]> = List extends [unknown, ...infer Rest] ? Rest : never;

export type DeliveryFixture = Awaited<ReturnType<typeof openDeliveryFixture>>;

export type WorkerOptions = Partial<DrainDeps> & { lateAfterMs?: number; sweepMs?: number };

/** Opens a database for deliveries, without a worker. Everything is closed when the test finishes. */
export async function openDeliveryFixture(test: Test) {
  const database = await createTestDatabase();
  test.onTestFinished(database.drop);
  const db = openDatabase(database.url, { poolSize: 5, onError: () => {} });
  test.onTestFinished(() => db.$disconnect());
  const secretsKey = randomBytes(32);
  const fixture = { databaseUrl: database.url, db, secretsKey, logged: [] as Record<string, unknown>[] };
  return {
    ...fixture,
    addDestination: (url: string, options?: Partial<NewDestination>) => addDestination(fixture, url, options),
    addAlert: (...options: DropFirst<Parameters<typeof addAlert>>) => addAlert(db, ...options),
    deliveries: (destinationId: string): Promise<Delivery[]> =>
      db.delivery.findMany({ where: { destinationId }, orderBy: [{ createdAt: 'asc' }, { id: 'asc' }] }),
    async destination(id: string): Promise<DestinationRow> {
      const row = await findDestination(db, id);
      if (!row) throw new Error(`no destination ${id}`);
      return row;
    },
    startWorker: (options: WorkerOptions = {}) => startWorker(test, fixture, options),
  };
}

/** Inserts a webhook destination. */
export async function addDestination(
  { db, secretsKey }: { db: Database; secretsKey: Uint8Array },
  url: string,
  options: Partial<NewDestination> = {},
): Promise<DestinationRow> {
  const id = randomUUID();
  const secrets = seal(secretsKey, id, { signing_secret: { secret: `whsec_${randomBytes(32).toString('base64')}` } });
  return db.destination.create({
    data: { id, name: `d-${id}`, kind: 'webhook', config: { url }, secrets, ...options },
  });
}

/** Inserts an alert, and records its result unless that is `pending`. Returns its uuid and its destinations. */
export async function addAlert(
  db: Database,
  result: 'processed' | 'failed' | 'pending' = 'processed',
  store = 'test-store',
): Promise<{ uuid: string; destinations: string[] }> {
  const uuid = randomUUID();
  await addPending(db, { uuid, video: '/videos/a.mp4', store, timestamp: 1_748_871_320, requestId: 'r' });
  if (result === 'pending') return { uuid, destinations: [] };
  const claimed = await claim(db, uuid);
  if (claimed.kind !== 'claimed') throw new Error(`alert ${uuid} is ${claimed.kind}`);
  const lease = { uuid, claim: claimed.alert.claims };
  const recorded =
    result === 'processed'
      ? await recordResolution(db, lease, RESOLUTION, 1)
      : await recordFailure(db, lease, { code: 'video_not_found', detail: 'HTTP 404' }, 1);
  return { uuid, destinations: recorded.destinations };
}

const RESOLUTION = {
  resolution: '1280x720',
  width: 1280,
  height: 720,
  rotation: 0,
  codec: 'h264',
  container: 'mp4',
  duration: 3,
};

const LOOPBACK = allowedCidrsField.parse('127.0.0.0/8');

type Opened = { databaseUrl: string; secretsKey: Uint8Array; logged: Record<string, unknown>[] };

/** Starts what a worker runs for deliveries, with its own connections. */
function startWorker(test: Test, { databaseUrl, secretsKey, logged }: Opened, options: WorkerOptions) {
  const { lateAfterMs = 120_000, sweepMs = 100, ...replaced } = options;
  const db = openDatabase(databaseUrl, { poolSize: 4, onError: () => {} });
  const log = pino({ level: 'debug' }, { write: (line: string) => logged.push(JSON.parse(line)) });
  const metrics = createDeliveryMetrics(new Registry());
  const kinds = openKinds(createAddressGuard({ isBlocked: (address) => isBlockedAddress(address, LOOPBACK) }));
  const defaults = {
    db,
    log,
    metrics,
    kinds,
    secretsKey,
    readPicture: async () => undefined,
    publicUrl: undefined,
    timeoutMs: 10_000,
    backlogRate: 1_000,
  };
  const onError = (err: unknown) => log.warn({ err }, 'deliveries failed');
  const deliverer = createDeliverer({ ...defaults, concurrency: 8, onError, ...replaced });
  const intervals = { dueMs: sweepMs, lateMs: sweepMs, healthMs: sweepMs };
  const { look, keepOutages } = deliverer;
  const sweep = startSweep({ db, log, metrics, look, keepOutages, lateAfterMs, intervals });
  let closed: Promise<void> | undefined;
  const close = async (graceMs: number) => {
    await sweep.close();
    await deliverer.close(graceMs);
    for (const kind of Object.values(kinds)) await kind.close?.();
    await db.$disconnect();
  };
  const worker = {
    metrics,
    deliverer,
    stop(graceMs = 0) {
      closed ??= close(graceMs);
      return closed;
    },
  };
  test.onTestFinished(() => worker.stop());
  return worker;
}
