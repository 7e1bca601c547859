import { createServer, type Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import closeWithGrace from 'close-with-grace';
import { openDatabase } from '#prisma/client.ts';
import { ConfigError, parseConfig } from '#prisma/config.ts';
import { goodKeys, hasKeys } from '#prisma/keys.ts';
import { databaseFault, migrationFault, untilReady } from '#prisma/ready.ts';
import { openAlertQueue, queueFault } from '#redis/queue.ts';
import { createLog } from '#signals/log.ts';
import { profileOnSignal } from '#signals/profile.ts';
import { AlertWaits } from './alert-waits.ts';
import { createApp } from './app.ts';
import { ChangeFeed } from './change-feed.ts';
import { apiFields, exposureFault } from './config.ts';
import { createKeyAuth } from './key-auth.ts';
import { createKeyRing } from './key-ring.ts';

// Requests under way get this long to end; below compose's grace period.
const CLOSE_MS = 10_000;
// Requests sent before their sender can know that the api stops are still served: without this second 13 of 60
// restarts under load cut one.
const DRAIN_MS = 1_000;

const config = readConfig();
const log = await createLog({ part: 'api', level: config.LOG_LEVEL, terminal: process.stdout.isTTY });
const opened: { close(): unknown }[] = [];
let stopping = false;

closeWithGrace({ delay: CLOSE_MS, logger: false, skip: ['SIGUSR2'] }, async ({ err, signal }) => {
  stopping = true;
  if (err) log.fatal({ err }, 'the api fails');
  else log.info({ signal }, 'the api stops');
  for (const part of opened.reverse()) await part.close();
  log.flush();
});
opened.push(profileOnSignal({ part: 'api', folder: config.PROFILE_DIR, seconds: config.PROFILE_SECONDS, log }));
// Started by `npm start`, and that is gone: its database goes with it.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));

const db = openDatabase(config.DATABASE_URL, {
  poolSize: 10,
  onError: (err) => log.warn({ err }, 'database connection lost'),
});
opened.push({ close: () => db.$disconnect() });
try {
  await untilReady(db, (err) => log.warn({ err }, 'waiting for the database'));
} catch (error) {
  process.stderr.write(`The api does not start: ${error instanceof Error ? error.message : error}.\n`);
  process.exit(1);
}

const queue = openAlertQueue(config.QUEUE_URL ?? config.DATABASE_URL, (err) =>
  log.warn({ err }, 'queue connection lost'),
);
opened.push(queue);

const changes = new ChangeFeed(db, log);
const waits = new AlertWaits(db);
const app = createApp({
  db,
  queue,
  log,
  changes,
  waits,
  maxHeld: config.MAX_HELD,
  trustProxy: config.TRUST_PROXY,
  auth:
    config.AUTH === 'off'
      ? 'off'
      : createKeyAuth(
          createKeyRing(() => goodKeys(db)),
          async () => {},
        ),
  corsOrigins: config.CORS_ORIGINS,
  videos: config.VIDEO_PUBLIC_URL,
  readiness: {
    required: { database: () => databaseFault(db), migrations: () => migrationFault(db) },
    deferrable: { queue: () => queueFault(queue) },
    stopping: () => stopping,
  },
});

// A request must be here whole within 30 s: slow senders hold a socket, not a handler.
const server = createServer({ headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 65_000 }, app);
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
  log.info({ host: config.HOST, port }, 'the api listens');
  process.send?.({ ready: true, port });
});
opened.push({ close: () => closeServer(server) });
// First of all: a stream ends only when it is told to. Its reader comes again after 3 s, when the door is shut.
opened.push(changes, waits);

/** Serves a moment longer, then takes no new connection, lets each request end, and closes connections once idle. */
async function closeServer(server: Server): Promise<void> {
  await sleep(DRAIN_MS);
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // Node looks for idle connections once, at close(): those whose request ends later would stay for keepAliveTimeout.
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  await closed;
  clearInterval(idle);
}

/** Without a key nobody gets in: whoever starts the api for the first time is told how. */
async function sayFirstKey(): Promise<void> {
  if (await hasKeys(db).catch(() => true)) return; // a database that just went tells it itself, at every request
  process.stderr.write(`No key exists yet, so the api answers nobody. Make the first one where DATABASE_URL is this api's:
  npm run keys -- create --name first --scope write,read,operate
(in compose: docker compose exec api node api/keys.ts create --name first --scope write,read,operate)\n`);
}

function readConfig() {
  try {
    const parsed = parseConfig(apiFields, process.env);
    const fault = exposureFault(parsed);
    if (fault !== undefined) throw new ConfigError([fault]);
    return parsed;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}
