import { createProcessRegistry } from '#observability/process-metrics.ts';
import { startService } from '#observability/service.ts';
import { openDatabase } from '#prisma/client.ts';
import { hasKeys, validKeys } from '#prisma/keys.ts';
import { registerPoolMetrics } from '#prisma/pool-metrics.ts';
import { checkDatabase, checkMigrations, waitUntilReady } from '#prisma/readiness.ts';
import { checkQueue, openAlertQueue } from '#redis/queue.ts';
import { openLimits } from '#redis/rate-limit.ts';
import { queueTelemetry } from '#redis/telemetry.ts';
import { createBackpressure } from './alerts/backpressure.ts';
import { ChangeFeed } from './alerts/change-feed.ts';
import { LongPoll } from './alerts/long-poll.ts';
import { type AppDeps, createApp } from './app.ts';
import { createKeyAuth } from './auth/key-auth.ts';
import { createKeyCache } from './auth/key-cache.ts';
import { readApiConfig } from './config.ts';
import { createRateLimits } from './http/rate-limit.ts';
import { createMetrics } from './operations/metrics.ts';
import { registerSystemGauges } from './operations/system-gauges.ts';
import { closeServer, createAlertServer } from './server.ts';

const service = await startService('api', () => readApiConfig(process.env));
const { config, log, onClose } = service;
const telemetry = service.traced ? await queueTelemetry() : undefined;

const db = openDatabase(config.DATABASE_URL, {
  poolSize: 10,
  onError: (err) => log.warn({ err }, 'database connection lost'),
});
onClose(() => db.$disconnect());
await service.orExit(waitUntilReady(db, (err) => log.warn({ err }, 'waiting for the database')));

const onQueueError = (err: Error) => log.warn({ err }, 'queue connection lost');
const queue = openAlertQueue(config.QUEUE_URL ?? config.DATABASE_URL, onQueueError, telemetry);
onClose(() => queue.close());

const changes = new ChangeFeed(db, log);
const waits = new LongPoll(db);
const metrics = createMetrics(createProcessRegistry());
registerPoolMetrics(metrics.registry, db);
registerSystemGauges(metrics.registry, { db, queue });
const app = createApp({
  db,
  queue,
  log,
  changes,
  waits,
  metrics,
  maxHeld: config.MAX_HELD,
  trustProxy: config.TRUST_PROXY,
  ...openDoor(),
  room: createBackpressure(queue, config.QUEUE_MAX_DEPTH),
  corsOrigins: config.CORS_ORIGINS,
  videos: config.VIDEO_PUBLIC_URL,
  readiness: {
    required: { database: () => checkDatabase(db), migrations: () => checkMigrations(db) },
    deferrable: { queue: () => checkQueue(queue) },
    stopping: service.stopping,
  },
});

const server = createAlertServer(app);
server.once('error', (error: NodeJS.ErrnoException) => {
  const taken = error.code === 'EADDRINUSE';
  process.stderr.write(
    taken
      ? `Port ${config.PORT} is taken: end what listens there, or set PORT.\n`
      : `Cannot listen: ${error.message}\n`,
  );
  process.exit(1);
});
if (config.AUTH === 'keys') await sayFirstKey();
server.listen(config.PORT, config.HOST, () => {
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : config.PORT;
  log.info({ host: config.HOST, port }, 'api server listening');
  process.send?.({ ready: true, port });
});
onClose(() => closeServer(server));
// First: streams and waits end only here. Clients reconnect after 3 s, when the server no longer listens.
onClose(() => changes.close());
onClose(() => waits.close());

/** Who gets in, and how often. */
function openDoor(): Pick<AppDeps, 'auth' | 'limits'> {
  if (config.AUTH === 'off') return { auth: 'off' };
  const shared = openLimits(config.QUEUE_URL ?? config.DATABASE_URL, (line, err) => log.warn({ err }, line));
  onClose(() => shared.close());
  const limits = createRateLimits(shared, {
    perKey: config.RATE_LIMIT_PER_KEY,
    perAddress: config.RATE_LIMIT_PER_IP,
    failedKeys: config.RATE_LIMIT_FAILED_KEYS,
  });
  return {
    auth: createKeyAuth(
      createKeyCache(() => validKeys(db)),
      limits.countFailure,
    ),
    limits,
  };
}

/** Without a key nobody gets in: whoever starts the api for the first time is told how. */
async function sayFirstKey(): Promise<void> {
  if (await hasKeys(db).catch(() => true)) return; // a database that just went tells it itself, at every request
  process.stderr.write(`No key exists yet, so the api answers nobody. Make the first one where DATABASE_URL is this api's:
  npm run keys -- create --name first --scope write,read,operate
(in compose: docker compose exec api node api/auth/keys-cli.ts create --name first --scope write,read,operate)\n`);
}
