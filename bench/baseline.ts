import closeWithGrace from 'close-with-grace';
import { pino } from 'pino';
import { parseConfig } from '#config/parse.ts';
import { findAlert } from '#prisma/alerts.ts';
import { openDatabase } from '#prisma/client.ts';
import { consumeAlerts } from '#redis/queue.ts';
import { workerFields } from '#worker/config.ts';
import { consoleNotifier } from '#worker/notify/console.ts';
import { probeWholeFile } from './whole-file.ts';

// The baseline that the worker is compared with: the obvious first version. It takes the same jobs from the same queue and
// writes the same rows, but downloads each whole video into a temporary file with got, runs ffprobe on it, and writes one
// row at a time. It has no fencing, no byte limit and no classification of failures. Its ffprobe is the static one, which
// starts fastest.

const config = parseConfig(workerFields, process.env);
const log = pino({ level: config.LOG_LEVEL, base: { service: 'baseline', pid: process.pid } });
const onError = (err: Error) => log.warn({ err }, 'connection lost');
const db = openDatabase(config.DATABASE_URL, { poolSize: config.WORKER_CONCURRENCY + 2, onError });
const notifier = consoleNotifier(process.stdout, config.TZ);

// More ffprobe processes at a time on a few cores only slow each other down.
const concurrency = Math.min(config.WORKER_CONCURRENCY, 8);
const consumer = consumeAlerts(config.QUEUE_URL ?? config.DATABASE_URL, handle, { concurrency, onError });
closeWithGrace({ delay: 10_000, logger: false }, async () => {
  await consumer.close(5_000);
  await db.$disconnect();
});
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.send?.({ ready: true });

async function handle({ uuid }: { uuid: string }): Promise<{ kind: 'done' }> {
  const alert = await findAlert(db, uuid);
  if (!alert) throw new Error(`no alert ${uuid}`);
  await db.$executeRaw`UPDATE alerts SET status = 'processing', attempts = attempts + 1, started_at = now(),
    change_xid = pg_current_xact_id(), updated_at = now() WHERE uuid = ${uuid}::uuid`;
  const { width, height, bytes } = await probeWholeFile(new URL(alert.video, config.VIDEO_SERVER));
  const resolution = `${width}x${height}`;
  await db.$executeRaw`UPDATE alerts SET status = 'processed', resolution = ${resolution}, width = ${width},
    height = ${height}, bytes_fetched = ${bytes}, processed_at = now(), change_xid = pg_current_xact_id(),
    updated_at = now() WHERE uuid = ${uuid}::uuid`;
  const { store, timestamp, receivedAt } = alert;
  await notifier.notify({ uuid, store, timestamp, receivedAt, outcome: { resolution } });
  await db.$executeRaw`UPDATE alerts SET notified_at = now(), updated_at = now() WHERE uuid = ${uuid}::uuid`;
  log.info({ alert: uuid }, 'alert handled');
  return { kind: 'done' };
}
