// The whole house on one machine with nothing installed: PostgreSQL, migrations, video window, worker, api.
// `--watch` starts a part anew when a source of its room changes.
// Over 250 lines: what starts, watches and closes the parts shares their list, and nothing else here is worth a room.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import closeWithGrace from 'close-with-grace';
import { z } from 'zod';
import { databaseFields, logFields, wholeNumber } from '#config/fields.ts';
import { parseConfig } from '#config/parse.ts';
import { migrate } from '#prisma/migrate.ts';
import { queueFields } from '#redis/contract.ts';
import { migrateQueue } from '#redis/migrate.ts';
import { startEmbeddedPostgres } from './postgres/embedded.ts';

const startFields = {
  DATABASE_URL: databaseFields.DATABASE_URL.optional(),
  ...queueFields,
  PORT: wholeNumber(1, 65_535).prefault('8000'),
  VIDEO_PORT: wholeNumber(1, 65_535).prefault('8080'),
  VIDEO_SERVER: z.string().optional(),
  // Everything here is bound to loopback; who wants keys all the same says so.
  AUTH: z.enum(['keys', 'off'], 'must be keys or off').default('off'),
  DATA_DIR: z.string().default(fileURLToPath(new URL('../data', import.meta.url))),
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

async function startStack(): Promise<void> {
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
    VIDEO_PUBLIC_URL: process.env.VIDEO_PUBLIC_URL ?? videoServer,
    HOST: '127.0.0.1',
    AUTH: config.AUTH,
    PORT: String(config.PORT),
    VIDEO_PORT: String(config.VIDEO_PORT),
    LOG_LEVEL: config.LOG_LEVEL,
  };
  if (bundledVideos) await startPart('video window', 'local/file-server.ts', env);
  say(`videos: ${videoServer}/videos/`);
  await startPart('worker', 'worker/index.ts', env);
  const key = config.AUTH === 'keys' ? await firstKey(env) : undefined;
  await startPart('api', 'api/index.ts', env);
  const api: Api = { url: `http://127.0.0.1:${config.PORT}`, headers: key ? { authorization: `Bearer ${key}` } : {} };
  await ready(api);
  say(`api: ${api.url}`);
  say(
    config.AUTH === 'off'
      ? 'AUTH=off: whoever is on this machine may use it; AUTH=keys npm start asks for keys'
      : keysHint(config.DATABASE_URL === undefined ? `DATABASE_URL=${databaseUrl} ` : ''),
  );
  const open = config.AUTH === 'off' || key !== undefined;
  if (bundledVideos && open && (await isEmpty(api))) await postSamples(api);
  if (process.argv.includes('--watch')) watchRooms();
  sayReady(api, videoServer);
}

/** Where the house is reached, and the key that was just made. */
type Api = { url: string; headers: Record<string, string> };

/** Makes a key where there is none, and shows it this once. */
async function firstKey(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const args = ['create', '--first', '--name', 'first', '--scope', 'write,read,operate,metrics'];
  const entry = fileURLToPath(new URL('../api/auth/keys-cli.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [entry, ...args], { env });
  if (stdout !== '') say(`the first key, shown this once: ${stdout.trim()}`);
  return stdout.trim() || undefined;
}

/** Only of its own database the house has to tell the address; one that was given is known, password and all. */
function keysHint(setting: string): string {
  return `AUTH=keys; more keys: ${setting}npm run keys`;
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
    child = spawn(process.execPath, [fileURLToPath(new URL(`../${entry}`, import.meta.url))], {
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

async function ready({ url }: Api): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const answer = await fetch(`${url}/readyz`);
    const body = z.looseObject({ status: z.unknown(), checks: z.unknown() }).parse(await answer.json());
    if (body.status === 'ready') return;
    if (Date.now() > deadline) throw new Error(`not ready after 30 s: ${JSON.stringify(body.checks)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

const pageSchema = z.looseObject({ data: z.array(z.looseObject({ uuid: z.string(), status: z.string() })) });

async function isEmpty({ url, headers }: Api): Promise<boolean> {
  const page = pageSchema.parse(await (await fetch(`${url}/alerts?limit=1`, { headers })).json());
  return page.data.length === 0;
}

/** Posts the bundled alerts through the front door and waits until each is final. */
async function postSamples(api: Api): Promise<void> {
  const text = await readFile(new URL('./sample-alerts.json', import.meta.url), 'utf8');
  const samples = z.array(z.unknown()).parse(JSON.parse(text));
  say(`the database is empty: posting ${samples.length} sample alerts`);
  for (const sample of samples) {
    const headers = { ...api.headers, 'content-type': 'application/json' };
    const answer = await fetch(`${api.url}/alerts`, { method: 'POST', headers, body: JSON.stringify(sample) });
    if (answer.status !== 202) throw new Error(`a sample alert was refused: ${await answer.text()}`);
  }
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; ) {
    const page = pageSchema.parse(await (await fetch(`${api.url}/alerts?limit=200`, { headers: api.headers })).json());
    if (page.data.every(({ status }) => status === 'processed' || status === 'failed')) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  say('the sample alerts are not all final yet; the worker goes on with them');
}

const ROOMS: Record<string, string[]> = {
  api: ['api'],
  worker: ['worker'],
  local: ['video window'],
  config: ['worker', 'api'],
  async: ['worker', 'api'],
  observability: ['worker', 'api'],
  prisma: ['worker', 'api'],
  redis: ['worker', 'api'],
};

function watchRooms(): void {
  for (const [room, names] of Object.entries(ROOMS)) {
    let timer: NodeJS.Timeout | undefined;
    watch(new URL(`../${room}/`, import.meta.url), { recursive: true }, (_event, file) => {
      if (!file || !/\.(ts|js|css|html)$/.test(file) || /(^|\/)test\//.test(file)) return;
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

function sayReady({ url, headers }: Api, videoServer: string): void {
  const body = JSON.stringify({
    uuid: randomUUID(),
    video: '/videos/test_1.avi',
    timestamp: Math.floor(Date.now() / 1000),
    store: 'test-store',
  });
  const key = Object.entries(headers).map(([name, value]) => ` -H '${name}: ${value}'`);
  process.stdout.write(`
Ready. Ctrl-C closes everything.
  page    ${url}/
  alerts  ${url}/alerts
  queue   ${url}/queues
  docs    ${url}/docs
  videos  ${videoServer}/videos/

Post one more alert:
  curl -i ${url}/alerts${key.join('')} -H 'content-type: application/json' -d '${body}'

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

await startStack().catch((error: Error) => fail(error.message));
