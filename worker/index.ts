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
import { createQuarantine, handleJob } from './handle-job.ts';
import { createMetrics } from './metrics.ts';
import { consoleNotifier } from './notify/console.ts';
import { startOpsServer } from './ops-server.ts';
import { startReconciler } from './reconcile.ts';
import { createStoreConcurrency } from './store-concurrency.ts';
import { detectSandbox } from './video/ffprobe/sandbox.ts';
import { removeAbandoned } from './video/ffprobe/temporary-folder.ts';
import { createVideoReader } from './video/http/range-reader.ts';
import { probe } from './video/probe.ts';

// Stopping: running attempts get 5 s to end, then go back to the queue; 10 s in all, below compose's grace period.
const DRAIN_MS = 5_000;
const CLOSE_MS = 10_000;

const config = readConfig();
const log = await createLog({ part: 'worker', level: config.LOG_LEVEL, terminal: process.stdout.isTTY });
const opened: { close(): unknown }[] = [];

closeWithGrace({ delay: CLOSE_MS, logger: false, skip: ['SIGUSR2'] }, async ({ err, signal }) => {
  if (err) log.fatal({ err }, 'the worker fails');
  else log.info({ signal }, 'the worker stops');
  for (const part of opened.reverse()) await part.close();
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
// Started by `npm start`, and that is gone: its database goes with it.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));

const db = openDatabase(config.DATABASE_URL, {
  // Two lanes for each of five writes, and two for whatever reads: more attempts at a time make fuller statements, not more.
  poolSize: 12,
  onError: (err) => log.warn({ err }, 'database connection lost'),
});
opened.push({ close: () => db.$disconnect() });
const queueUrl = config.QUEUE_URL ?? config.DATABASE_URL;
// A connection, or a lock that a busy machine renewed too late: the error says which.
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
  process.stderr.write(`The worker does not start: ${error instanceof Error ? error.message : error}.\n`);
  process.exit(1);
}

const reader = createVideoReader({
  origin: config.VIDEO_SERVER,
  // An attempt has one request under way at a time.
  connections: config.WORKER_CONCURRENCY,
  byteBudget: config.VIDEO_BYTE_BUDGET,
  timeoutMs: config.FETCH_TIMEOUT_MS,
});
opened.push(reader);

const cage = await detectSandbox();
log.info(cage, 'ffprobe runs in a cage');
await removeAbandoned(tmpdir()).then(
  (abandoned) => abandoned > 0 && log.info({ abandoned }, 'folders of killed probes removed'),
  // Only odd videos need that folder; their alerts wait for it.
  (err) => log.warn({ err }, 'folders of killed probes stay'),
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
  // A budget of requests, none of which may be silent for FETCH_TIMEOUT_MS; six times that is a crawl, not a transfer.
  attemptTimeoutMs: 6 * config.FETCH_TIMEOUT_MS + config.PROBE_TIMEOUT_MS,
};
const quarantine = createQuarantine();
const shares = createStoreConcurrency(config.WORKER_CONCURRENCY);
const taking = consumeAlerts(
  queueUrl,
  async (job, signal, { crashed, queuedAt }) => {
    const leave = await shares.take(job.store ?? '');
    if (!leave) return { kind: 'retry', reason: 'its store has its share of this worker' };
    const handle = () => handleJob(deps, job, signal, queuedAt);
    return (crashed ? quarantine(handle) : handle()).finally(leave);
  },
  { concurrency: config.WORKER_CONCURRENCY, onError: onQueueError, telemetry },
);
consumer = taking;
opened.push({ close: () => taking.close(DRAIN_MS) });
opened.push(startReconciler({ db, queue, log, reconciled: metrics.reconciled }));

log.info({ concurrency: config.WORKER_CONCURRENCY, videoServer: config.VIDEO_SERVER }, 'the worker takes alerts');
process.send?.({ ready: true });

/** Opened before the database is awaited, closed after the last attempt: a worker that waits or drains is alive. */
async function openOps(host: string, port: number) {
  const ops = await startOpsServer({
    host,
    port,
    metrics: metrics.registry,
    checks: {
      database: () => checkDatabase(db),
      queue: () => checkQueue(queue),
      consuming: async () => (consumer?.consuming() ? undefined : 'no alerts are taken from the queue'),
    },
  });
  log.info({ host, port: ops.port }, 'the worker tells of itself');
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
