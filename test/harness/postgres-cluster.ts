import { type ChildProcess, execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { chooseRunner, type Runner } from '#local/postgres/user.ts';
import { freePort } from './ports.ts';
import { endWithThisProcess } from './process.ts';
import { waitFor } from './wait.ts';

/** A PostgreSQL on a port that stays the same. */
export type Node = {
  port: number;
  /** Superuser's URL of the database `alerts`. */
  url: string;
  /** Runs one statement and returns its rows. */
  query<Row extends object = Record<string, unknown>>(sql: string): Promise<Row[]>;
  start(): Promise<void>;
  /** Ends all of its processes at once, as a power cut does. */
  kill(): Promise<void>;
  /** Stops all of its processes: connections stay open, and nothing responds. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Sets a setting. Every process of the server knows it before its next step. */
  set(name: string, value: string): Promise<void>;
};

/** A primary with a standby that follows it by streaming replication. */
export type PostgresCluster = { primary: Node; standby: Node; close(): Promise<void> };

// fsync=off: a killed process loses nothing that it wrote, only a machine does.
const SETTINGS = {
  ...{ listen_addresses: '127.0.0.1', unix_socket_directories: '', timezone: 'UTC', fsync: 'off' },
  ...{ max_connections: '100', shared_buffers: '32MB', wal_keep_size: '512MB', wal_receiver_status_interval: '1s' },
};

/**
 * Starts both servers with the database `alerts`. With `synchronous`, a commit on the primary returns once the standby has
 * written it. They end with this process.
 */
export async function startPostgresCluster({ synchronous }: { synchronous: boolean }): Promise<PostgresCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'postgres-cluster-'));
  await chmod(folder, 0o755); // root may run PostgreSQL as nobody
  const runner = await chooseRunner({ outside: '/var/lib/video-alert-pipeline', userNamespace: true, log: () => {} });
  const nodes: NodeProcess[] = [];
  const close = async () => {
    await Promise.all(nodes.map((node) => node.kill()));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const primary = createNode(runner, join(folder, 'primary'), await freePort());
    const standby = createNode(runner, join(folder, 'standby'), await freePort());
    nodes.push(primary, standby);
    await initialize(runner, join(folder, 'primary'));
    await primary.start();
    await runOn(primary.url.replace(/alerts$/, 'postgres'), 'CREATE DATABASE alerts');
    await copyTo(runner, primary, { from: join(folder, 'primary'), to: join(folder, 'standby') });
    await standby.start();
    if (synchronous) await primary.set('synchronous_standby_names', '*');
    const state = synchronous ? 'sync' : 'async';
    await waitFor(
      async () => (await primary.query(`SELECT 1 FROM pg_stat_replication WHERE sync_state = '${state}'`)).length === 1,
      { timeoutMs: 150_000, what: 'the standby' },
    );
    return { primary, standby, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function initialize(runner: Runner, data: string): Promise<void> {
  await mkdir(data, { mode: 0o700 });
  if (runner.foreign) await promisify(execFile)('/bin/chown', [`${runner.owner.uid}:${runner.owner.gid}`, data]);
  const args = ['-D', data, '--username=postgres', '--auth=trust', '--encoding=UTF8', '--no-sync'];
  const child = runner.run('initdb', args, { stdio: 'ignore' });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`initdb failed (${code})`);
}

/** Makes a base backup of the running primary that starts as its standby. */
async function copyTo(runner: Runner, primary: Node, { from, to }: { from: string; to: string }): Promise<void> {
  const client = new pg.Client({ connectionString: primary.url });
  await client.connect();
  try {
    await client.query("SELECT pg_backup_start('standby', true)");
    await promisify(execFile)('/bin/cp', ['-a', from, to]);
    const { rows } = await client.query('SELECT labelfile FROM pg_backup_stop(false)');
    for (const name of ['postmaster.pid', 'postmaster.opts', 'pg_wal']) {
      await rm(join(to, name), { recursive: true, force: true });
    }
    await mkdir(join(to, 'pg_wal'), { mode: 0o700 });
    await writeFile(join(to, 'backup_label'), rows[0].labelfile);
    await writeFile(join(to, 'standby.signal'), '');
    const connection = `host=127.0.0.1 port=${primary.port} user=postgres application_name=standby`;
    await writeFile(join(to, 'postgresql.auto.conf'), `primary_conninfo = '${connection}'\n`);
    if (runner.foreign) await promisify(execFile)('/bin/chown', ['-R', `${runner.owner.uid}:${runner.owner.gid}`, to]);
  } finally {
    await client.end();
  }
}

type NodeProcess = Node & { data: string };

function createNode(runner: Runner, data: string, port: number): NodeProcess {
  const url = `postgres://postgres@127.0.0.1:${port}/alerts`;
  let child: ChildProcess | undefined;
  let disarm = () => {};
  const signal = async (name: NodeJS.Signals) => {
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    // The server first: it must not start another process.
    const backends = await childrenOf(child.pid);
    for (const pid of [child.pid, ...backends]) send(pid, name);
  };
  return {
    ...{ data, port, url },
    query: (sql) => runOn(url, sql),
    async start() {
      const log = await open(`${data}.log`, 'a');
      const args = Object.entries({ ...SETTINGS, port }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
      child = runner.run('postgres', ['-D', data, ...args], { detached: true, stdio: ['ignore', log.fd, log.fd] });
      await log.close();
      disarm = endWithThisProcess(child.pid ?? -1, 'SIGINT');
      await waitFor(
        () =>
          runOn(url.replace(/alerts$/, 'postgres'), 'SELECT 1').catch(async (error) => {
            if (child?.exitCode === null) return undefined;
            throw new Error(`PostgreSQL ended:\n${(await readFile(`${data}.log`, 'utf8')).slice(-2_000)}`, {
              cause: error,
            });
          }),
        { timeoutMs: 150_000, what: `PostgreSQL on port ${port}` },
      );
    },
    async kill() {
      const running = child;
      if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
      disarm();
      const ended = once(running, 'exit');
      await signal('SIGKILL');
      await ended;
    },
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    async set(name, value) {
      await runOn(url, `ALTER SYSTEM SET ${name} = '${value}'`);
      await runOn(url, 'SELECT pg_reload_conf()');
      // A session that has the setting was started after the server had informed its other processes.
      const read = () => runOn<{ value: string }>(url, `SELECT current_setting('${name}') AS value`);
      await waitFor(async () => (await read())[0]?.value === value, { timeoutMs: 150_000, what: name });
    },
  };
}

async function childrenOf(pid: number): Promise<number[]> {
  return (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).split(' ').filter(Boolean).map(Number);
}

function send(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error; // it has ended by itself
  }
}

async function runOn<Row extends object>(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 30_000, query_timeout: 120_000 });
  client.on('error', () => {}); // the same error rejects the call below
  try {
    await client.connect();
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}
