import { tmpdir } from 'node:os';
import closeWithGrace from 'close-with-grace';
import { ConfigError, parseConfig } from '#config/parse.ts';
import { createLog } from '#observability/log.ts';
import { createProcessRegistry } from '#observability/process-metrics.ts';
import { profileOnSignal } from '#observability/profile.ts';
import { startTracing } from '#observability/tracing.ts';
import { openDatabase } from '#prisma/client.ts';
import { registerPoolMetrics } from '#prisma/pool-metrics.ts';
import { checkDatabase, waitUntilReady } from '#prisma/readiness.ts';
import { type AlertConsumer, checkQueue, consumeAlerts, openAlertQueue } from '#redis/queue.ts';
import { queueTelemetry } from '#redis/telemetry.ts';
import { withNotificationMetrics } from './attempt-metrics.ts';
import { workerFields } from './config.ts';
import { handleJob } from './handle-job.ts';
import { createMetrics } from './metrics.ts';
import { consoleNotifier } from './notify/console.ts';
import { startOpsServer } from './ops-server.ts';
import { createQuarantine } from './quarantine.ts';
import { startReconciler } from './reconcile.ts';
import { createStoreConcurrency } from './store-concurrency.ts';
import { detectSandbox } from './video/ffprobe/sandbox.ts';
import { removeAbandoned } from './video/ffprobe/temporary-folder.ts';
import { createVideoReader } from './video/http/range-reader.ts';
import { probe } from './video/probe.ts';

// On stop, attempts in progress get 5 s to finish, then return to the queue; 10 s in all, below compose's grace period.
const DRAIN_MS = 5_000;
const CLOSE_MS = 10_000;

const config = readConfig();
const log = await createLog({ part: 'worker', level: config.LOG_LEVEL, terminal: process.stdout.isTTY });
const opened: { close(): unknown }[] = [];

closeWithGrace({ delay: CLOSE_MS, logger: false, skip: ['SIGUSR2'] }, async ({ err, signal }) => {
  if (err) log.fatal({ err }, 'worker failed');
  else log.info({ signal }, 'worker stopping');
  for (const resource of opened.reverse()) await resource.close();
  log.flush();
});
const tracing = await startTracing({
  part: 'worker',
  endpoint: config.OTEL_EXPORTER_OTLP_ENDPOINT,
  percent: config.TRACE_PERCENT,
});
if (tracing) opened.push(tracing);
const telemetry = tracing && (await queueTelemetry());
opened.push(profileOnSignal({ part: 'worker', folder: config.PROFILE_DIR, seconds: config.PROFILE_SECONDS, log }));
// `npm start` has ended, and its embedded database with it.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));

const db = openDatabase(config.DATABASE_URL, {
  // Two connections for each of the five batched writes, two for reads: more concurrency makes larger batches, not more.
  poolSize: 12,
  onError: (err) => log.warn({ err }, 'database connection lost'),
});
opened.push({ close: () => db.$disconnect() });
const queueUrl = config.QUEUE_URL ?? config.DATABASE_URL;
// A lost connection, or a lock that a busy machine renewed too late: see the error.
const onQueueError = (err: Error) => log.warn({ err }, 'queue error');
const queue = openAlertQueue(queueUrl, onQueueError, telemetry);
opened.push(queue);
const metrics = createMetrics(createProcessRegistry());
registerPoolMetrics(metrics.registry, db);
let consumer: AlertConsumer | undefined;
try {
  if (config.OPS_PORT !== undefined) opened.push(await openOps(config.HOST, config.OPS_PORT));
  await waitUntilReady(db, (err) => log.warn({ err }, 'waiting for the database'));
} catch (error) {
  process.stderr.write(`The worker cannot start: ${error instanceof Error ? error.message : error}.\n`);
  process.exit(1);
}

const reader = createVideoReader({
  origin: config.VIDEO_SERVER,
  // An attempt has one request in flight at a time.
  connections: config.WORKER_CONCURRENCY,
  byteBudget: config.VIDEO_BYTE_BUDGET,
  timeoutMs: config.FETCH_TIMEOUT_MS,
});
opened.push(reader);

const cage = await detectSandbox();
log.info(cage, 'ffprobe sandboxed');
await removeAbandoned(tmpdir()).then(
  (abandoned) => abandoned > 0 && log.info({ abandoned }, 'removed folders of killed probes'),
  // Only unusual videos need this folder; their alerts are retried.
  (err) => log.warn({ err }, 'cannot remove folders of killed probes'),
);

const deps = {
  db,
  log,
  metrics,
  notifier: withNotificationMetrics(consoleNotifier(process.stdout, config.TZ), metrics),
  videoServer: config.VIDEO_SERVER,
  openVideo: reader.open,
  async probe(video: Parameters<typeof probe>[0], signal: AbortSignal) {
    const options = { ffprobePath: config.FFPROBE_PATH, timeoutMs: config.PROBE_TIMEOUT_MS, signal, cage };
    const { facts, path } = await probe(video, options);
    metrics.probes.inc({ path });
    return facts;
  },
  maxAttempts: config.MAX_ATTEMPTS,
  maxCrashes: config.MAX_CRASHES,
  // FETCH_TIMEOUT_MS limits each wait for data; six times that for all requests of an attempt is too slow to be useful.
  attemptTimeoutMs: 6 * config.FETCH_TIMEOUT_MS + config.PROBE_TIMEOUT_MS,
};
const quarantine = createQuarantine();
const storeConcurrency = createStoreConcurrency(config.WORKER_CONCURRENCY);
const openedConsumer = consumeAlerts(
  queueUrl,
  async (job, signal, { crashed, queuedAt }) => {
    const release = await storeConcurrency.acquire(job.store ?? '');
    if (!release) return { kind: 'retry', reason: 'per-store concurrency limit reached' };
    const handle = () => handleJob(deps, job, signal, queuedAt);
    return (crashed ? quarantine(handle) : handle()).finally(release);
  },
  { concurrency: config.WORKER_CONCURRENCY, onError: onQueueError, telemetry },
);
consumer = openedConsumer;
opened.push({ close: () => openedConsumer.close(DRAIN_MS) });
opened.push(startReconciler({ db, queue, log, reconciled: metrics.reconciled }));

log.info({ concurrency: config.WORKER_CONCURRENCY, videoServer: config.VIDEO_SERVER }, 'worker ready');
process.send?.({ ready: true });

/** Started before the database is ready and closed after the last attempt: a worker that waits or drains is alive. */
async function openOps(host: string, port: number) {
  const ops = await startOpsServer({
    host,
    port,
    metrics: metrics.registry,
    checks: {
      database: () => checkDatabase(db),
      queue: () => checkQueue(queue),
      consuming: async () => (consumer?.consuming() ? undefined : 'the worker takes no jobs from the queue'),
    },
  });
  log.info({ host, port: ops.port }, 'worker ops server listening');
  return ops;
}

function readConfig() {
  try {
    return parseConfig(workerFields, process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}
