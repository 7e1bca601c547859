import { readFile } from 'node:fs/promises';
import { migrate } from '#prisma/migrate.ts';
import { migrateQueue } from '#redis/migrate.ts';
import { type PgBouncer, startPgBouncer } from './pgbouncer.ts';
import { type Node, startPostgresCluster } from './postgres-cluster.ts';

const ROLES = new URL('../../prisma/roles.sql', import.meta.url);

export type PooledDatabase = {
  server: Node;
  bouncer: PgBouncer;
  /** URLs of the role of api and worker, through PgBouncer and to the server. */
  pooled: string;
  direct: string;
};

/**
 * Starts a migrated PostgreSQL with the two roles behind PgBouncer in transaction mode. Returns undefined if there is no PgBouncer here.
 * `onFinished` gets the functions that stop both.
 */
export async function startPooledDatabase(
  onFinished: (close: () => Promise<void>) => void,
): Promise<PooledDatabase | undefined> {
  const { primary: server, close } = await startPostgresCluster({ synchronous: false });
  onFinished(close);
  const bouncer = await startPgBouncer({ port: server.port, roles: ['alerts_app', 'postgres'] });
  if ('missing' in bouncer) return undefined;
  onFinished(bouncer.close);
  await server.query(await readFile(ROLES, 'utf8'));
  const urlOf = (role: string, port: number) => `postgres://${role}@127.0.0.1:${port}/alerts`;
  const owner = urlOf('alerts_owner', server.port);
  await migrate(owner);
  await migrateQueue(owner);
  return { server, bouncer, pooled: urlOf('alerts_app', bouncer.port), direct: urlOf('alerts_app', server.port) };
}
