import { describeConfig } from '#config/describe.ts';
import { directUrl, isPooled } from '#config/fields.ts';
import { linkKeys } from '#media/links.ts';
import { openConfiguredStore } from '#media/store.ts';
import { databaseDisk, folderDisk, registerDisks } from '#observability/disks.ts';
import { createProcessRegistry } from '#observability/process-metrics.ts';
import { startService } from '#observability/service.ts';
import { appendAudit } from '#prisma/audit.ts';
import { openDatabase } from '#prisma/client.ts';
import { hasKeys, markKeyUsed, validKeys } from '#prisma/keys.ts';
import { registerPoolMetrics } from '#prisma/pool-metrics.ts';
import { waitUntilReady } from '#prisma/readiness.ts';
import { openReplica, type Replica } from '#prisma/replica.ts';
import { openDeliveryQueue } from '#redis/delivery-queue.ts';
import { openAlertQueue } from '#redis/queue.ts';
import { openRateLimiters } from '#redis/rate-limit.ts';
import { queueTelemetry } from '#redis/telemetry.ts';
import { readSourceNames, type SourceNames, sourceOf } from '#sources/file.ts';
import { createReload } from '#sources/reload.ts';
import { createBackpressure } from './alerts/backpressure.ts';
import { ChangeFeed } from './alerts/change-feed.ts';
import { FeedLag } from './alerts/feed-lag.ts';
import { LongPoll } from './alerts/long-poll.ts';
import { ResponseCache } from './alerts/response-cache.ts';
import { type AppDeps, createApp } from './app.ts';
import { createReadLog } from './audit/reads.ts';
import { keyIdOf } from './auth/client.ts';
import { createFailedLogins } from './auth/failed-logins.ts';
import { createKeyAuth } from './auth/key-auth.ts';
import { createKeyCache } from './auth/key-cache.ts';
import { createKeyUsage } from './auth/key-usage.ts';
import { createSessions } from './auth/sessions.ts';
import { apiFields, readApiConfig } from './config.ts';
import { createRateLimits } from './http/rate-limit.ts';
import { registerBackupGauges } from './operations/backup-gauges.ts';
import { createMetrics, registerCacheGauges } from './operations/metrics.ts';
import { createReadiness } from './operations/readiness.ts';
import { registerReplicaGauges } from './operations/replica-gauges.ts';
import { registerSystemGauges } from './operations/system-gauges.ts';
import { closeServer, createAlertServer } from './server.ts';

const service = await startService('api', () => {
  const values = readApiConfig(process.env);
  const { SOURCES_FILE } = values;
  const sources = SOURCES_FILE === undefined ? undefined : readSourceNames(SOURCES_FILE);
  const configuration = describeConfig(apiFields, process.env);
  return { ...values, sources, configuration, mediaStore: openConfiguredStore(values, process.env) };
});
const { config, log, onClose, stopping } = service;
const queueUrl = config.QUEUE_URL ?? directUrl(config);
const { SOURCES_FILE } = config;
let { sources } = config;
if (SOURCES_FILE !== undefined) {
  const use = (names: SourceNames) => {
    sources = names;
  };
  service.onReload(createReload({ read: () => readSourceNames(SOURCES_FILE), use, log }));
}

const db = openDatabase(config.DATABASE_URL, {
  poolSize: 10,
  pooled: isPooled(config),
  pictures: config.PICTURES === 'on',
  onError: (err) => log.warn({ err }, 'database connection lost'),
});
onClose(() => db.$disconnect());
await service.orExit(waitUntilReady(db, (err) => log.warn({ err }, 'waiting for the database')));

const replica = config.DATABASE_REPLICA_URL === undefined ? undefined : openReadReplica(config.DATABASE_REPLICA_URL);

const telemetry = service.traced ? await queueTelemetry() : undefined;
const queue = openAlertQueue(queueUrl, (err) => log.warn({ err }, 'queue connection lost'), telemetry);
onClose(() => queue.close());
const deliveryQueue = openDeliveryQueue(queueUrl, (err) => log.warn({ err }, 'delivery queue connection lost'));
onClose(() => deliveryQueue.close());

const metrics = createMetrics(createProcessRegistry());
registerPoolMetrics(metrics.registry, db);
if (replica) registerReplicaGauges(metrics.registry, replica);
const feedLag = new FeedLag(db, log);
onClose(() => feedLag.close());
registerSystemGauges(metrics.registry, { db, queue, feedLag });
const mediaSpace = config.mediaStore?.space;
const disks = mediaSpace ? [folderDisk('media', 'MEDIA_URL', mediaSpace)] : [];
registerDisks(metrics.registry, [databaseDisk(db), ...disks]);

registerBackupGauges(metrics.registry, db);
const responses = new ResponseCache({
  findChanged: db.alertReads.findChanged,
  onRequest: (result) => metrics.cachedResponses.inc({ result }),
});
registerCacheGauges(metrics.registry, responses);
const changeFeed = new ChangeFeed(db, log, (uuid) => responses.drop(uuid));
const longPoll = new LongPoll(db);
const reads = createReadLog({
  mode: config.AUDIT_READS,
  append: (entries) => appendAudit(db, ...entries),
  onDropped: (count) => metrics.auditReadsDropped.inc(count),
});
const failedLogins = createFailedLogins({ append: (entries) => appendAudit(db, ...entries) });
const app = createApp({
  db,
  staleReads: replica?.reads ?? ((read) => read(db)),
  reads,
  failedLogins,
  queue,
  deliveryQueue,
  log,
  configuration: config.configuration,
  changeFeed,
  longPoll,
  responses,
  metrics,
  maxHeld: config.MAX_HELD,
  trustProxy: config.TRUST_PROXY,
  pictures: config.PICTURES === 'on',
  ...openAuth(),
  backpressure: createBackpressure(queue, config.QUEUE_MAX_DEPTH),
  corsOrigins: config.CORS_ORIGINS,
  allowedHosts: config.ALLOWED_HOSTS,
  videos: config.VIDEO_PUBLIC_URL,
  videoExtensions: config.VIDEO_EXTENSIONS,
  sourceNames: () => sources?.names ?? [],
  sourceOf: (alert) => (sources === undefined ? null : sourceOf(alert, sources)),
  media: {
    store: config.mediaStore,
    accel: config.MEDIA_ACCEL,
    linkKeys: linkKeys(config),
    publicUrl: config.PUBLIC_URL,
  },
  destinations: {
    secretsKey: config.SECRETS_KEY,
    allowedCidrs: config.DESTINATION_ALLOW_CIDRS,
    backlogRate: config.DELIVERY_BACKLOG_RATE,
  },
  retentionDays: config.RETENTION_DAYS,
  readiness: createReadiness({ db, queue, disks, replica, stopping }),
});

onClose(() => config.mediaStore?.close());

const server = createAlertServer(app, { behindProxy: config.TRUST_PROXY > 0 });
server.once('error', (error: NodeJS.ErrnoException) => {
  process.stderr.write(
    error.code === 'EADDRINUSE'
      ? `Port ${config.PORT} is in use: stop the program that listens there, or set PORT.\n`
      : `Cannot listen: ${error.message}\n`,
  );
  process.exit(1);
});
if (config.AUTH === 'keys') await explainFirstKey();
server.listen(config.PORT, config.HOST, () => {
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : config.PORT;
  log.info({ host: config.HOST, port }, 'api server listening');
  process.send?.({ ready: true, port });
});
// After the server has closed: its last requests are recorded, too.
onClose(() => reads.close());
onClose(() => failedLogins.close());
onClose(() => closeServer(server));
// First: streams and waits end only here. Clients reconnect after 3 s, when the server no longer listens.
onClose(() => changeFeed.close());
onClose(() => longPoll.close());
onClose(() => responses.close());

function openReadReplica(url: string): Replica {
  const opened = openReplica({
    ...{ primary: db, url, maxLagMs: config.REPLICA_MAX_LAG, pictures: config.PICTURES === 'on' },
    onError: (err) => log.warn({ err }, 'connection to the replica lost'),
    onChange: ({ problem }) => {
      if (problem === undefined) log.info('lists and statistics are read from the replica');
      else log.warn({ problem }, 'lists and statistics are read from the primary');
    },
  });
  onClose(() => opened.close());
  return opened;
}

function openAuth(): Pick<AppDeps, 'auth' | 'rateLimits'> {
  if (config.AUTH === 'off') return { auth: 'off' };
  const limiters = openRateLimiters(queueUrl, (message, err) => log.warn({ err }, message));
  onClose(() => limiters.close());
  const settings = {
    perKey: config.RATE_LIMIT_PER_KEY,
    perAddress: config.RATE_LIMIT_PER_IP,
    failedKeys: config.RATE_LIMIT_FAILED_KEYS,
  };
  const rateLimits = createRateLimits(limiters, settings, keyIdOf, (limit) => metrics.rateLimited.inc({ limit }));
  const keys = createKeyCache(() => validKeys(db));
  const countInvalidKey = (address: string | undefined) => {
    metrics.authFailures.inc();
    return rateLimits.countInvalidKey(address);
  };
  const markUsed = createKeyUsage((id) => markKeyUsed(db, id));
  return { auth: createKeyAuth(keys, countInvalidKey, createSessions(db), markUsed), rateLimits };
}

/** Explains how to create the first key: without one, every request gets 401. */
async function explainFirstKey(): Promise<void> {
  if (await hasKeys(db).catch(() => true)) return; // if the database is unavailable now, every request reports that
  process.stderr.write(`No key exists yet, so every request is rejected. Create the first key with the api's DATABASE_URL:
  npm run keys -- create --name first --scope write,read,operate,manage
(in compose: docker compose exec api node api/auth/keys-cli.ts create --name first --scope write,read,operate,manage)\n`);
}
