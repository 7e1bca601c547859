import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { freePort } from './ports.ts';
import { startProcess } from './process.ts';
import { findTestProgram } from './system-packages.ts';
import { waitFor } from './wait.ts';

export type PgBouncer = {
  port: number;
  /** Runs a command of the console, such as RECONNECT. */
  command(text: string): Promise<void>;
  close(): Promise<void>;
};

/**
 * Starts a PgBouncer in transaction mode in front of a PostgreSQL on 127.0.0.1 that trusts these roles. Returns what to
 * install if there is none.
 */
export async function startPgBouncer(target: {
  port: number;
  roles: string[];
}): Promise<PgBouncer | { missing: string }> {
  const program = await findTestProgram({ commands: ['pgbouncer'], aptPackage: 'pgbouncer' }, process.env);
  if ('missing' in program) return program;
  const folder = await mkdtemp(join(tmpdir(), 'pgbouncer-test-'));
  await chmod(folder, 0o755); // started by root, it runs as nobody
  const port = await freePort();
  const users = target.roles.map((role) => `"${role}" ""\n`).join('');
  await writeFile(join(folder, 'users.txt'), users);
  await writeFile(
    join(folder, 'pgbouncer.ini'),
    `[databases]
* = host=127.0.0.1 port=${target.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${folder}/users.txt
admin_users = ${target.roles.join(',')}
pool_mode = transaction
default_pool_size = 20
max_client_conn = 200
server_login_retry = 1
`,
  );
  const isRoot = process.getuid?.() === 0;
  const server = startProcess({
    ...{ name: 'pgbouncer', file: program.path, readyLine: /process up/ },
    args: [...(isRoot ? ['-u', 'nobody'] : []), join(folder, 'pgbouncer.ini')],
  });
  const console = `postgres://${target.roles[0]}@127.0.0.1:${port}/pgbouncer`;
  const command = (text: string) => runOn(console, text);
  await waitFor(
    () => {
      if (!server.running) throw new Error(`pgbouncer ended:\n${server.lines.join('\n')}`);
      return command('SHOW VERSION').then(
        () => true,
        () => false,
      );
    },
    { timeoutMs: 150_000, what: 'PgBouncer' },
  );
  return {
    port,
    command,
    async close() {
      await server.kill();
      await rm(folder, { recursive: true });
    },
  };
}

async function runOn(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 30_000 });
  client.on('error', () => {}); // the same error rejects the call below
  await client.connect();
  await client.query(text).finally(() => client.end());
}
