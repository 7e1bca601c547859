import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import closeWithGrace from 'close-with-grace';
import { z } from 'zod';
import { databaseFields, logFields, parseConfig, wholeNumber } from '#prisma/config.ts';
import { startEmbeddedPostgres } from '#prisma/embedded.ts';
import { migrate } from '#prisma/migrate.ts';
import { queueFields } from '#redis/contract.ts';
import { migrateQueue } from '#redis/migrate.ts';

// The whole house on one machine with nothing installed: PostgreSQL, migrations, video window, worker, api.
// `--watch` starts a part anew when a source of its room changes.

const startFields = {
  DATABASE_URL: databaseFields.DATABASE_URL.optional(),
  ...queueFields,
  PORT: wholeNumber(1, 65_535).prefault('8000'),
  VIDEO_PORT: wholeNumber(1, 65_535).prefault('8080'),
  VIDEO_SERVER: z.string().optional(),
  DATA_DIR: z.string().default(fileURLToPath(new URL('./data', import.meta.url))),
  // The terminal shows notifications; what the parts log is for whoever asks for it.
  LOG_LEVEL: logFields.LOG_LEVEL.unwrap().default('error'),
};

type Part = { name: string; stop(): Promise<void>; restart?(): Promise<void> };

const opened: Part[] = [];
let closing = false;
let failed = false;

// Backwards, each within its own bounds: api and worker 10 s, PostgreSQL half a minute at the very worst.
const { close } = closeWithGrace({ delay: 60_000, logger: false }, async ({ err }) => {
  closing = true;
  if (err) process.stderr.write(`\n${err.message}\n`);
  if (opened.length > 0) say('closing …');
  for (const part of opened.reverse()) await part.stop();
  if (opened.length > 0) say('closed');
  if (err || failed) process.exit(1);
});

async function startHouse(): Promise<void> {
  const config = parseConfig(startFields, process.env);
  const bundledVideos = config.VIDEO_SERVER === undefined;
  await portIsFree(config.PORT, 'PORT');
  if (bundledVideos) await portIsFree(config.VIDEO_PORT, 'VIDEO_PORT');

  const databaseUrl = config.DATABASE_URL ?? (await startDatabase(config.DATA_DIR));
  const queueUrl = config.QUEUE_URL ?? databaseUrl;
  const { applied } = await migrate(databaseUrl);
  await migrateQueue(queueUrl);
  say(`migrations: ${applied.length > 0 ? `applied ${applied.join(', ')}` : 'nothing to do'}`);

  const videoServer = config.VIDEO_SERVER ?? `http://127.0.0.1:${config.VIDEO_PORT}`;
  const env = {
    ...withoutFiles(process.env),
    DATABASE_URL: databaseUrl,
    QUEUE_URL: queueUrl,
    VIDEO_SERVER: videoServer,
    HOST: '127.0.0.1',
    PORT: String(config.PORT),
    VIDEO_PORT: String(config.VIDEO_PORT),
    LOG_LEVEL: config.LOG_LEVEL,
  };
  if (bundledVideos) await startPart('video window', 'nginx/local.ts', env);
  say(`videos: ${videoServer}/videos/`);
  await startPart('worker', 'worker/index.ts', env);
  await startPart('api', 'api/index.ts', env);
  const api = `http://127.0.0.1:${config.PORT}`;
  await ready(api);
  say(`api: ${api}`);
  if (bundledVideos && (await isEmpty(api))) await postSamples(api);
  if (process.argv.includes('--watch')) watchRooms();
  sayReady(api, videoServer);
}

async function startDatabase(dataDir: string): Promise<string> {
  say(`PostgreSQL: starting, its data in ${dataDir}`);
  const postgres = await startEmbeddedPostgres({
    dataDir,
    log: say,
    onExit: (error) => void fail(error.message),
  });
  opened.push({ name: 'PostgreSQL', stop: postgres.stop });
  return postgres.url;
}

/** Starts an entry as a process of its own and waits for its word that it is ready; starts it again when it dies. */
async function startPart(name: string, entry: string, env: NodeJS.ProcessEnv): Promise<void> {
  let child: ChildProcess;
  let stopping = false;
  const start = async () => {
    // A group of its own: Ctrl-C reaches this process alone, which then closes the parts in order.
    child = spawn(process.execPath, [fileURLToPath(new URL(entry, import.meta.url))], {
      env,
      detached: true,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const ended = once(child, 'exit').then(([code, signal]) => `${signal ?? `exit code ${code}`}`);
    const started = once(child, 'message').then(() => undefined);
    const end = await Promise.race([started, ended]);
    if (end !== undefined) throw new Error(`the ${name} did not start (${end})`);
    ended.then(async (how) => {
      if (stopping || closing) return;
      say(`the ${name} ended (${how}): starting it again`);
      await start().catch((error: Error) => fail(error.message));
    });
  };
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    await exit;
  };
  opened.push({
    name,
    stop,
    async restart() {
      stopping = true;
      await stop();
      stopping = false;
      await start();
    },
  });
  await start();
}

async function fail(message: string): Promise<void> {
  if (closing) return;
  process.stderr.write(`\n${message}\n`);
  failed = true;
  await close();
}

/** Other programs' ports are told before anything starts. */
async function portIsFree(port: number, variable: string): Promise<void> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch {
    throw new Error(
      `Port ${port} is taken: end what listens there, or set ${variable}, as in ${variable}=${port + 1} npm start`,
    );
  }
  server.close();
  await once(server, 'close');
}

async function ready(api: string): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const answer = await fetch(`${api}/readyz`);
    const body = z.looseObject({ status: z.unknown(), checks: z.unknown() }).parse(await answer.json());
    if (body.status === 'ready') return;
    if (Date.now() > deadline) throw new Error(`not ready after 30 s: ${JSON.stringify(body.checks)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

const pageSchema = z.looseObject({ data: z.array(z.looseObject({ uuid: z.string(), status: z.string() })) });

async function isEmpty(api: string): Promise<boolean> {
  const page = pageSchema.parse(await (await fetch(`${api}/alerts?limit=1`)).json());
  return page.data.length === 0;
}

/** Posts the bundled alerts through the front door and waits until each is final. */
async function postSamples(api: string): Promise<void> {
  const text = await readFile(new URL('nginx/sample-alerts.json', import.meta.url), 'utf8');
  const samples = z.array(z.unknown()).parse(JSON.parse(text));
  say(`the database is empty: posting ${samples.length} sample alerts`);
  for (const sample of samples) {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${api}/alerts`, { method: 'POST', headers, body: JSON.stringify(sample) });
    if (answer.status !== 202) throw new Error(`a sample alert was refused: ${await answer.text()}`);
  }
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; ) {
    const page = pageSchema.parse(await (await fetch(`${api}/alerts?limit=200`)).json());
    if (page.data.every(({ status }) => status === 'processed' || status === 'failed')) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  say('the sample alerts are not all final yet; the worker goes on with them');
}

const ROOMS: Record<string, string[]> = {
  api: ['api'],
  worker: ['worker'],
  nginx: ['video window'],
  prisma: ['worker', 'api'],
  redis: ['worker', 'api'],
};

function watchRooms(): void {
  for (const [room, names] of Object.entries(ROOMS)) {
    let timer: NodeJS.Timeout | undefined;
    watch(new URL(`${room}/`, import.meta.url), { recursive: true }, (_event, file) => {
      if (!file?.endsWith('.ts') || /(^|\/)test\//.test(file)) return;
      clearTimeout(timer);
      // An editor's save is several events.
      timer = setTimeout(async () => {
        if (closing) return;
        say(`${room}/${file} changed: starting ${names.join(' and ')} again`);
        for (const part of opened.filter(({ name }) => names.includes(name))) {
          await part.restart?.().catch((error: Error) => say(`${error.message}; save again to retry`));
        }
      }, 100);
    });
  }
  say('watching the sources');
}

function sayReady(api: string, videoServer: string): void {
  const body = JSON.stringify({
    uuid: randomUUID(),
    video: '/videos/test_1.avi',
    timestamp: Math.floor(Date.now() / 1000),
    store: 'test-store',
  });
  process.stdout.write(`
Ready. Ctrl-C closes everything.
  alerts  ${api}/alerts
  queue   ${api}/queues
  OpenAPI ${api}/openapi.json
  videos  ${videoServer}/videos/

Post one more alert:
  curl -i ${api}/alerts -H 'content-type: application/json' -d '${body}'

`);
}

function withoutFiles(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !(name.endsWith('_FILE') && name.slice(0, -5) in startFields)),
  );
}

function say(line: string): void {
  process.stdout.write(`▸ ${line}\n`);
}

await startHouse().catch((error: Error) => fail(error.message));
