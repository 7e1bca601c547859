// `npm start`: the whole system on one machine, with nothing else installed: PostgreSQL, migrations, file server, worker
// and api. `npm run dev` (`--watch`) also restarts a service when one of its sources changes.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import closeWithGrace from 'close-with-grace';
import { migrate } from '#prisma/migrate.ts';
import { migrateQueue } from '#redis/migrate.ts';
import { apiOrigin, readStartConfig, serviceEnvironment, VIDEO_HOST } from './config.ts';
import { createFirstKey } from './first-key.ts';
import { print, printAuth, printReady } from './messages.ts';
import { startEmbeddedPostgres } from './postgres/embedded.ts';
import { openRoles, type RoleUrls } from './postgres/roles.ts';
import { waitForQueue } from './queue.ts';
import { type Api, postSamples, waitUntilReady } from './samples.ts';
import { ensureSecretsKey } from './secrets-key.ts';
import { createLocalService, type LocalService } from './services.ts';
import { watchSources } from './watch.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const ENTRIES = { 'file server': 'local/file-server.ts', worker: 'worker/index.ts', api: 'api/index.ts' };

const firstKey = createFirstKey(print);
const opened: { stop(): Promise<void> }[] = [];
let closing = false;
let failed = false;

// In reverse order, each within its own limit: api and worker 10 s, PostgreSQL half a minute at worst.
const { close } = closeWithGrace({ delay: 60_000, logger: false }, async ({ err }) => {
  closing = true;
  if (err) process.stderr.write(`\n${err.message}\n`);
  firstKey.showUnseen();
  if (opened.length > 0) print('Stopping …');
  for (const each of opened.reverse()) await each.stop();
  if (opened.length > 0) print('Stopped.');
  if (err || failed) process.exit(1);
});

await startAll().catch(fail);

async function startAll(): Promise<void> {
  const config = readStartConfig(process.env);
  const bundledVideos = config.VIDEO_SERVER === undefined;
  await assertPortIsFree(config.HOST, config.PORT, 'PORT');
  if (bundledVideos) await assertPortIsFree(VIDEO_HOST, config.VIDEO_PORT, 'VIDEO_PORT');
  if (config.QUEUE_URL !== undefined) await waitForQueue(config.QUEUE_URL, print);
  const database =
    config.DATABASE_URL === undefined
      ? await startDatabase(config.DATA_DIR)
      : givenDatabase(config.DATABASE_URL, config.DATABASE_DIRECT_URL);
  await migrateAll(config, database.direct ?? database.owner);

  const secretsKeyFile = config.SECRETS_KEY === undefined ? await ensureSecretsKey(config.DATA_DIR) : undefined;
  const urls = { database: database.app, queue: config.QUEUE_URL ?? database.direct ?? database.app, secretsKeyFile };
  const env = serviceEnvironment(process.env, config, urls);
  const services: LocalService[] = [];
  if (bundledVideos) services.push(await startService('file server', { ...env, HOST: VIDEO_HOST }));
  print(`Videos: ${env.VIDEO_SERVER}/videos/`);
  // At the same time: loading their modules is most of the start.
  const [worker, { api: apiService, key }] = await Promise.all([
    startService('worker', env),
    startApi(config.AUTH, env),
  ]);
  services.push(worker, apiService);
  const api: Api = { url: apiOrigin(config), headers: key ? { authorization: `Bearer ${key}` } : {} };
  await waitUntilReady(api, print);
  firstKey.show();
  // The embedded database's URL is in a file: it contains a password. One that was given is known.
  printAuth(config.AUTH, database.appFile === undefined ? '' : `DATABASE_URL_FILE=${database.appFile} `);
  const mayPost = config.AUTH === 'off' || key !== undefined;
  if (bundledVideos && mayPost) await postSamples(api, print);
  if (process.argv.includes('--watch')) await restartOnChange(services);
  printReady(api, env.VIDEO_SERVER, config.AUTH);
}

type DatabaseUrls = Pick<RoleUrls, 'owner' | 'app'> & { appFile?: string; direct?: string | undefined };

function givenDatabase(url: string, direct: string | undefined): DatabaseUrls {
  return { owner: url, app: url, direct };
}

async function startDatabase(dataDir: string): Promise<DatabaseUrls> {
  print(`Starting PostgreSQL (data in ${dataDir})`);
  const postgres = await startEmbeddedPostgres({ dataDir, log: print, onExit: fail });
  opened.push(postgres);
  const roles = await openRoles(postgres.url, dataDir);
  opened.push({ stop: roles.close });
  return roles;
}

type GivenUrls = Partial<Record<'DATABASE_URL' | 'DATABASE_DIRECT_URL' | 'QUEUE_URL', string | undefined>>;

async function migrateAll({ DATABASE_URL, DATABASE_DIRECT_URL, QUEUE_URL }: GivenUrls, url: string): Promise<void> {
  const variable = DATABASE_DIRECT_URL ? 'DATABASE_DIRECT_URL' : 'DATABASE_URL';
  const { applied } = await migrate(url).catch(blame(DATABASE_URL && variable));
  await migrateQueue(QUEUE_URL ?? url).catch(blame(QUEUE_URL && 'QUEUE_URL'));
  print(applied.length > 0 ? `Applied migrations: ${applied.join(', ')}` : 'The database is up to date.');
}

/** Returns a function that throws its error with the variable in front that the user has set. */
function blame(variable: string | undefined) {
  return (cause: Error): never => {
    throw variable ? new Error(`${variable}: ${cause.message}`, { cause }) : cause;
  };
}

/** Starts the api. With `AUTH=keys` and no keys, creates the first one before: the api would otherwise say that there is none. */
async function startApi(auth: string, env: NodeJS.ProcessEnv): Promise<{ api: LocalService; key: string | undefined }> {
  const key = auth === 'keys' ? await firstKey.create(env) : undefined;
  return { key, api: await startService('api', env) };
}

async function startService(name: keyof typeof ENTRIES, env: NodeJS.ProcessEnv): Promise<LocalService> {
  if (closing) throw new Error(`The ${name} does not start while the others stop.`);
  const service = createLocalService({ name, entry: ENTRIES[name], env, print, onFailure: fail });
  opened.push(service);
  await service.start();
  return service;
}

async function restartOnChange(services: LocalService[]): Promise<void> {
  const watched = services.map(({ name }) => ({ name, entry: ENTRIES[name as keyof typeof ENTRIES] })); // named in startService
  const watcher = await watchSources({
    root: ROOT,
    services: watched,
    async onChange(file, names) {
      if (closing || names.length === 0) return;
      print(`${file} changed. Restarting ${names.join(' and ')}.`);
      for (const service of services.filter(({ name }) => names.includes(name))) {
        await service.restart().catch((error: Error) => print(`${error.message} Save again to retry.`));
      }
    },
  });
  opened.push({ stop: async () => watcher.close() });
  print('Watching the sources.');
}

async function fail(error: Error): Promise<void> {
  if (closing) return;
  process.stderr.write(`\n${error.message}\n`);
  failed = true;
  await close();
}

/** Throws if another program uses the port or this machine does not have the address, before anything starts. */
async function assertPortIsFree(host: string, port: number, variable: string): Promise<void> {
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code !== 'EADDRINUSE')
      throw new Error(`Cannot listen on ${host}:${port} (HOST, ${variable}): ${code ?? cause}`, { cause });
    const example = `${variable}=${port + 1} npm start`;
    throw new Error(`Port ${port} is in use. Stop the program that uses it, or set ${variable}: ${example}`, { cause });
  }
  server.close();
  await once(server, 'close');
}
