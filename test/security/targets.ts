import { execFile } from 'node:child_process';
import { chmod, cp, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { startLocally } from '#test/harness/local-start.ts';
import { waitUntilReady } from '#test/harness/process.ts';
import { durationFrom, type Target } from './attack.ts';

const ROOT = join(import.meta.dirname, '../..');
const PORTS = { PORT: '18200', VIDEO_PORT: '18280' };
const START_TIMEOUT_MS = 900_000;
const COMMAND_TIMEOUT_MS = 120_000;
// Attacks lock and fill tables for longer than the role of api and worker may.
const NO_TIMEOUTS = '-c statement_timeout=0 -c idle_in_transaction_session_timeout=0';
// The logs of a stack that has been attacked.
const MAX_OUTPUT = 256 * 1024 * 1024;

export type RunningTarget = Target & { stop(): Promise<void> };

/** A copy of the sample videos, with links that lead out of the folder. */
async function createVideos(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'security-videos-'));
  await chmod(folder, 0o755); // the user of nginx reads it
  await cp(join(ROOT, 'nginx/videos'), folder, { recursive: true });
  await symlink('/etc/passwd', join(folder, 'link.mp4'));
  await symlink('/etc', join(folder, 'os'));
  return folder;
}

/** Runs `npm start` with AUTH=keys, its own data folder and free ports. */
export async function startNpmStart(): Promise<RunningTarget> {
  const dataDir = await mkdtemp(join(tmpdir(), 'security-data-'));
  const videos = await createVideos();
  const local = await startLocally({ dataDir, env: { AUTH: 'keys', VIDEOS_DIR: videos } });
  await waitUntilReady(local);
  const key = local.lines.map((line) => /\bva_[\w-]+/.exec(line)?.[0]).find(Boolean);
  if (key === undefined) throw new Error(`npm start printed no key:\n${local.lines.join('\n')}`);
  const urlFile = join(dataDir, 'database-url');
  const databaseUrl = () => readFile(urlFile, 'utf8');
  return {
    name: 'npm start',
    api: local.api,
    videos: local.videos,
    key,
    otherClient: () => durationFrom(local.api, '127.0.0.2'),
    apiProcesses: 1,
    keys: (...args) => run(process.execPath, ['api/auth/keys-cli.ts', ...args], { DATABASE_URL_FILE: urlFile }),
    databaseUrl,
    sql: async (statements) => querySession(await databaseUrl(), statements),
    runWithWorker: (script) => run(process.execPath, ['--input-type=module', '-e', script]),
    output: async () => local.lines.join('\n'),
    async stop() {
      await local.stop();
      await rm(dataDir, { recursive: true, force: true });
      await rm(videos, { recursive: true, force: true });
    },
  };
}

async function run(program: string, args: string[], env: Record<string, string> = {}): Promise<string> {
  const options = { cwd: ROOT, env: { PATH: process.env.PATH ?? '', ...env }, timeout: COMMAND_TIMEOUT_MS };
  return (await promisify(execFile)(program, args, options)).stdout;
}

async function querySession(url: string, statements: string): Promise<string> {
  const client = new pg.Client({ connectionString: url, options: NO_TIMEOUTS });
  await client.connect();
  try {
    const results = [await client.query({ text: statements, rowMode: 'array' })].flat();
    return (results.at(-1)?.rows ?? []).map((row) => String(row[0])).join('\n');
  } finally {
    await client.end();
  }
}

/**
 * Starts the Compose project `COMPOSE_PROJECT_NAME` with its own ports. Returns undefined without a Docker engine.
 * `onStarting` gets the function that deletes everything, also if the start is interrupted.
 */
export async function startCompose(
  onStarting: (target: { stop(): Promise<void> }) => void,
): Promise<RunningTarget | undefined> {
  const project = process.env.COMPOSE_PROJECT_NAME ?? 'video-alerts-security';
  const videos = await createVideos();
  const env = { ...process.env, ...PORTS, COMPOSE_PROJECT_NAME: project, VIDEOS_DIR: videos };
  const docker = async (...args: string[]) =>
    (
      await promisify(execFile)('docker', args, { cwd: ROOT, env, timeout: START_TIMEOUT_MS, maxBuffer: MAX_OUTPUT })
    ).stdout.trim();
  const stop = async () => {
    await docker('compose', 'down', '-v').catch(() => {}); // nothing was started
    await rm(videos, { recursive: true, force: true });
  };
  if (
    await docker('info').then(
      () => false,
      () => true,
    )
  ) {
    await stop();
    return undefined;
  }
  onStarting({ stop });
  try {
    await docker('compose', 'up', '-d', '--build', '--wait');
    const keys = (...args: string[]) => docker('compose', 'exec', '-T', 'api', 'node', 'api/auth/keys-cli.ts', ...args);
    // Not the published ports: Docker's own proxy in front of them ends at 8,100 connections, before nginx is reached.
    const id = await docker('compose', 'ps', '-q', 'nginx');
    const network = `index .NetworkSettings.Networks "${project}_videos"`;
    const address = await docker('inspect', id, '--format', `{{(${network}).IPAddress}}`);
    return {
      name: 'compose',
      api: `http://${address}:8000`,
      videos: `http://${address}:8080`,
      // curl's own time: `docker exec` takes up to a second by itself.
      otherClient: async () => {
        const curl = [
          'curl',
          '-sf',
          '-m',
          '10',
          '-o',
          '/dev/null',
          '-w',
          '%{time_total}',
          'http://127.0.0.1:8000/livez',
        ];
        return 1_000 * Number(await docker('exec', id, ...curl));
      },
      apiProcesses: 2,
      // The image trusts its local socket.
      sql: (statements) => {
        const psql = ['postgres', 'psql', '-qXAtU', 'alerts_app', '-c', statements, 'alerts'];
        return docker('compose', 'exec', '-T', '-e', `PGOPTIONS=${NO_TIMEOUTS}`, ...psql);
      },
      databaseUrl: () => docker('compose', 'exec', '-T', 'api', 'cat', '/run/secrets/database_url'),
      runWithWorker: (script) => docker('compose', 'exec', '-T', 'worker', 'node', '--input-type=module', '-e', script),
      output: () => docker('compose', 'logs', '--no-color'),
      key: await keys('create', '--name', 'security', '--scope', 'write,read,operate', '--expires', '1h'),
      keys,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
