import { tmpdir } from 'node:os';
import { openConfiguredArchive } from '#archive/store.ts';
import { describeConfig } from '#config/describe.ts';
import { directUrl, isPooled } from '#config/fields.ts';
import { parseConfig } from '#config/parse.ts';
import { openConfiguredStore } from '#media/store.ts';
import { checkDisks, databaseDisk, folderDisk, registerDisks } from '#observability/disks.ts';
import { createProcessRegistry } from '#observability/process-metrics.ts';
import { startService } from '#observability/service.ts';
import { openDatabase } from '#prisma/client.ts';
import { registerPoolMetrics } from '#prisma/pool-metrics.ts';
import { checkDatabase, waitUntilReady } from '#prisma/readiness.ts';
import { openDeliveryQueue } from '#redis/delivery-queue.ts';
import { type AlertConsumer, checkQueue, consumeAlerts, openAlertQueue } from '#redis/queue.ts';
import { queueTelemetry } from '#redis/telemetry.ts';
import { readSources, type Sources } from '#sources/file.ts';
import { createReload } from '#sources/reload.ts';
import { withNotificationMetrics } from './attempt-metrics.ts';
import type { HandleJobDeps } from './attempt-run.ts';
import { startAuditRetention } from './audit-retention.ts';
import { workerFields } from './config.ts';
import { startCopies } from './copies/start.ts';
import { createDeliveryMetrics } from './deliveries/metrics.ts';
import { startDeliveries } from './deliveries/start.ts';
import { createTrigger } from './deliveries/trigger.ts';
import { handleJob } from './handle-job.ts';
import { startHeartbeat } from './heartbeat.ts';
import { createMediaMetrics } from './media/metrics.ts';
import { startMediaCheck } from './media/start.ts';
import { createMetrics } from './metrics.ts';
import { consoleNotifier } from './notify/console.ts';
import { startOpsServer } from './ops-server.ts';
import { detectDecoder } from './pictures/decoder.ts';
import { startPictures } from './pictures/start.ts';
import { startPromoting } from './promote-waiting.ts';
import { createQuarantine } from './quarantine.ts';
import { startReconciler } from './reconcile.ts';
import { createArchive } from './retention/archive.ts';
import { createRetentionMetrics } from './retention/metrics.ts';
import { startRetention } from './retention/start.ts';
import { detectSandbox } from './sandbox/sandbox.ts';
import { removeAbandonedFolders } from './sandbox/temporary-folder.ts';
import { startSilence } from './silence/start.ts';
import { createSourcesHealth } from './source-health.ts';
import { createStoreConcurrency } from './store-concurrency.ts';
import { bundledFfprobe, FFPROBE_LIMITS } from './video/ffprobe/run.ts';
import { probe } from './video/probe.ts';
import { createVideoSources } from './video/sources.ts';
import { startWatchdog } from './watchdog.ts';

// On stop, attempts in progress get 5 s to finish, then return to the queue: half of what the service's shutdown may take.
const DRAIN_MS = 5_000;

const service = await startService('worker', () => {
  const values = parseConfig(workerFields, process.env);
  return {
    ...values,
    sources: values.SOURCES_FILE === undefined ? undefined : readSources(values.SOURCES_FILE, process.env),
    store: openConfiguredStore(values, process.env),
    archiveStore: openConfiguredArchive(values, process.env),
  };
});
const { config, log, onClose } = service;
const telemetry = service.traced ? await queueTelemetry() : undefined;

const watchdog = startWatchdog(config.EVENT_LOOP_TIMEOUT_MS, {
  slots: config.WORKER_CONCURRENCY,
  onError: (err) => log.error({ err }, 'watchdog failed: a blocked event loop would not be noticed'),
});
onClose(() => watchdog.close());

const db = openDatabase(config.DATABASE_URL, {
  // Two connections for each of the five batched writes, two for reads: more concurrency makes larger batches, not more.
  poolSize: 12,
  pooled: isPooled(config),
  onError: (err) => log.warn({ err }, 'database connection lost'),
});
onClose(() => db.$disconnect());

const queueUrl = config.QUEUE_URL ?? directUrl(config);
// A lost connection, or a lock that a busy machine renewed too late: see the error.
const onQueueError = (err: Error) => log.warn({ err }, 'queue error');
const queue = openAlertQueue(queueUrl, onQueueError, telemetry);
onClose(() => queue.close());

const metrics = createMetrics(createProcessRegistry());
registerPoolMetrics(metrics.registry, db);
const spaces = [
  ['media', 'MEDIA_URL', config.store?.space],
  ['archive', 'ARCHIVE_URL', config.archiveStore?.space],
] as const;
const disks = spaces.flatMap(([name, variable, space]) => (space ? [folderDisk(name, variable, space)] : []));
registerDisks(metrics.registry, [databaseDisk(db), ...disks]);
const deliveryMetrics = createDeliveryMetrics(metrics.registry);
let consumer: AlertConsumer | undefined;
// Listens before the database is ready and until the last attempt has ended: a worker that waits or drains is alive.
if (config.OPS_PORT !== undefined) await service.orExit(openOpsServer(config.HOST, config.OPS_PORT));
await service.orExit(waitUntilReady(db, (err) => log.warn({ err }, 'waiting for the database')));

// FETCH_TIMEOUT_MS limits each wait for data; an attempt that needs six times that in all is too slow to be useful.
const attemptTimeoutMs = 6 * config.FETCH_TIMEOUT_MS + config.PROBE_TIMEOUT_MS;
const videoSources = createVideoSources({
  videoServer: config.VIDEO_SERVER,
  sources: config.sources,
  limits: {
    // An attempt has one request in flight at a time.
    connections: config.WORKER_CONCURRENCY,
    byteBudget: config.VIDEO_BYTE_BUDGET,
    timeoutMs: config.FETCH_TIMEOUT_MS,
  },
  attemptMs: attemptTimeoutMs,
});
onClose(() => videoSources.close());
const { SOURCES_FILE, store } = config;
onClose(() => store?.close());
const decoder = detectDecoder(config.FFMPEG_PATH, process.env.PATH);
const copies = startCopies({ config, log, registry: metrics.registry, store, decoder });
const sourcesHealth = createSourcesHealth({
  nameOf: videoSources.nameOf,
  several: SOURCES_FILE !== undefined,
  log,
  registry: metrics.registry,
});
sourcesHealth.update(videoSources.names());
if (SOURCES_FILE !== undefined) {
  const use = (sources: Sources) => {
    copies.replaceSources(sources);
    const changed = videoSources.replace(sources);
    sourcesHealth.update(videoSources.names(), changed);
  };
  service.onReload(createReload({ read: () => readSources(SOURCES_FILE, process.env), use, log }));
}

const ffprobePath = config.FFPROBE_PATH ?? bundledFfprobe();
const sandbox = await detectSandbox(ffprobePath, FFPROBE_LIMITS);
log.info({ ffprobePath, ...sandbox }, 'ffprobe sandboxed');
await removeAbandonedFolders(tmpdir()).then(
  (abandoned) => abandoned > 0 && log.info({ abandoned }, 'removed folders of killed probes'),
  // Only unusual videos need this folder; their alerts are retried.
  (err) => log.warn({ err }, 'cannot remove folders of killed probes'),
);

const deliveryQueue = openDeliveryQueue(queueUrl, onQueueError);
onClose(() => deliveryQueue.close());

const triggerDeliveries = createTrigger(deliveryQueue, log);
const pictures = await startPictures({
  config,
  log,
  registry: metrics.registry,
  store,
  decoder: store && decoder,
  openVideo: videoSources.open,
  isDown: (location) => sourcesHealth.of(location).isDown(),
  triggerDeliveries,
});

const deps: HandleJobDeps = {
  db,
  log,
  metrics,
  sources: sourcesHealth,
  notifier: withNotificationMetrics(consoleNotifier(process.stdout, config.TZ, config.NOTIFIER_FORMAT), metrics),
  triggerDeliveries,
  countMuted: (count) => deliveryMetrics.muted.inc(count),
  pictures,
  openVideo: videoSources.open,
  async probe(video, signal) {
    const anyContent = config.VIDEO_CONTENT === 'any';
    const options = { ffprobePath, timeoutMs: config.PROBE_TIMEOUT_MS, signal, sandbox, anyContent };
    const { facts, path } = await probe(video, options);
    metrics.probes.inc({ path });
    return facts;
  },
  limits: {
    horizonMs: config.RETRY_HORIZON,
    maxAttempts: config.MAX_ATTEMPTS,
    byteBudget: config.VIDEO_BYTE_BUDGET,
    attemptTimeoutMs,
    shortTimeoutMs: config.FETCH_TIMEOUT_MS,
  },
  maxCrashes: config.MAX_CRASHES,
};
consumer = startConsumer(deps);
const deliveries = startDeliveries({ config, store, queueUrl, log, metrics: deliveryMetrics, onQueueError });
// At the same time: each may need its grace period.
onClose(() =>
  Promise.all([consumer?.close(DRAIN_MS), deliveries.close(DRAIN_MS), pictures?.close(DRAIN_MS), copies.close()]),
);
if (store) {
  const mediaMetrics = createMediaMetrics(metrics.registry);
  const check = startMediaCheck({ databaseUrl: directUrl(config), db, store, log, metrics: mediaMetrics });
  onClose(() => check.close());
}
const retentionMetrics = createRetentionMetrics(metrics.registry);
const { archiveStore, ARCHIVE_URL } = config;
const archive =
  archiveStore && ARCHIVE_URL !== undefined
    ? createArchive(db, { store: archiveStore, url: ARCHIVE_URL }, retentionMetrics.archive)
    : undefined;
const retention = startRetention({
  ...{ databaseUrl: directUrl(config), db, store, log, defaultDays: config.RETENTION_DAYS },
  ...{ archive, wholeDays: archive !== undefined, restoredDays: config.RESTORED_DAYS, metrics: retentionMetrics },
});
onClose(() => retention.close().finally(() => archiveStore?.close()));
const tasks = [
  startPromoting({ db, sources: sourcesHealth, queue, log }),
  startReconciler({ db, queue, log, metrics, maxDepth: config.QUEUE_MAX_DEPTH }),
  startSilence({ ...deps, config, registry: metrics.registry }),
  startAuditRetention({ db, log, days: config.AUDIT_RETENTION_DAYS }),
  startHeartbeat({ db, log, configuration: describeConfig(workerFields, process.env) }),
];
onClose(() => Promise.all(tasks.map((task) => task.close())));
log.info({ concurrency: config.WORKER_CONCURRENCY, videoServer: config.VIDEO_SERVER }, 'worker ready');
process.send?.({ ready: true });

async function openOpsServer(host: string, port: number): Promise<void> {
  const ops = await startOpsServer({
    host,
    port,
    metrics: metrics.registry,
    checks: {
      database: () => checkDatabase(db),
      database_disk: () => databaseDisk(db).full(),
      queue: () => checkQueue(queue),
      consuming: async () => (consumer?.consuming() ? undefined : 'the worker takes no jobs from the queue'),
    },
    deferrable: () => checkDisks(disks),
  });
  onClose(() => ops.close());
  log.info({ host, port: ops.port }, 'worker ops server listening');
}

function startConsumer(deps: HandleJobDeps): AlertConsumer {
  const quarantine = createQuarantine(config.MAX_CRASHES);
  const storeConcurrency = createStoreConcurrency(config.WORKER_CONCURRENCY);
  return consumeAlerts(
    queueUrl,
    async (job, signal, delivery) => {
      const release = await storeConcurrency.acquire(job.store ?? '');
      if (!release) return { kind: 'retry', reason: 'per-store concurrency limit reached' };
      const handle = () => {
        const attemptEnds = watchdog.attemptStarts(job.uuid);
        return handleJob(deps, job, signal, delivery).finally(attemptEnds);
      };
      return quarantine(delivery.stalls, handle).finally(release);
    },
    { concurrency: config.WORKER_CONCURRENCY, onError: onQueueError, telemetry },
  );
}
