import { type Database, openDatabase } from '#prisma/client.ts';
import { migrate } from '#prisma/migrate.ts';
import { startPostgres } from '#test/harness/postgres.ts';
import { startTcpProxy, type TcpProxy } from '#test/harness/tcp-proxy.ts';
import { waitFor } from '#test/harness/wait.ts';

/** PostgreSQL behind a proxy: the house goes through the proxy, the harness does not. */
export type StackDatabase = {
  proxy: TcpProxy;
  /** For one incarnation of a part; its name is on every change that it makes. */
  urlFor(incarnation: string): string;
  /** Past the proxy. Another one after each restart. */
  directUrl(): string;
  /** The harness's own way in. Another one after each restart. */
  direct(): Database;
  /** Ends every session but the harness's. */
  cutClients(): Promise<void>;
  /** Stops PostgreSQL, in its fast way or as a crash does, and starts it again on the same data; resolves when it answers. */
  restart(how: { crash: boolean }): Promise<void>;
  close(): Promise<void>;
};

/** Starts PostgreSQL on `dataDir`, durable, migrated, and with a history of every change of a row. */
export async function openStackDatabase(dataDir: string): Promise<StackDatabase> {
  const server = await startPostgres(dataDir);
  const proxy = await startTcpProxy(server.port);
  // One connection: `cutClients` spares the session that it runs in.
  const open = () => openDatabase(server.url, { poolSize: 1, onError: () => {} });
  let db = open();
  const close = async () => {
    await db.$disconnect();
    await proxy.close();
    await server.stop();
  };
  try {
    await migrate(server.url);
    for (const statement of HISTORY) await db.$executeRawUnsafe(statement);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    proxy,
    urlFor: (incarnation) => urlThrough(proxy, server.url, incarnation),
    directUrl: () => server.url,
    direct: () => db,
    cutClients: () => cutClients(db),
    async restart(how) {
      await server.restart(how);
      proxy.connectTo(server.port);
      // Requests during the restart get "unavailable", not "closed".
      const before = db;
      db = open();
      await before.$disconnect();
      await waitFor(() => db.$queryRaw`SELECT 1`.catch(() => undefined), { what: 'PostgreSQL after its restart' });
    },
    close,
  };
}

function urlThrough(proxy: TcpProxy, direct: string, incarnation: string): string {
  const url = new URL(direct);
  url.port = String(proxy.port);
  url.searchParams.set('application_name', incarnation);
  return url.href;
}

async function cutClients(db: Database): Promise<void> {
  await db.$queryRaw`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'`;
}

// A trigger sees every change, whoever makes it and however short it lasts; looking at the rows from time to time would
// miss a record that is written twice within a moment.
const HISTORY = [
  'CREATE SCHEMA chaos',
  `CREATE TABLE chaos.changes (
    n bigserial PRIMARY KEY, uuid uuid NOT NULL, at timestamptz NOT NULL, by text NOT NULL, status text NOT NULL,
    resolution text, failure_code text, attempts int NOT NULL, processed_at timestamptz, notified_at timestamptz)`,
  'CREATE INDEX ON chaos.changes (uuid)',
  `CREATE FUNCTION chaos.note() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'INSERT' OR
        (NEW.status, NEW.resolution, NEW.failure_code, NEW.attempts, NEW.processed_at, NEW.notified_at) IS DISTINCT FROM
        (OLD.status, OLD.resolution, OLD.failure_code, OLD.attempts, OLD.processed_at, OLD.notified_at) THEN
        INSERT INTO chaos.changes (uuid, at, by, status, resolution, failure_code, attempts, processed_at, notified_at)
        VALUES (NEW.uuid, clock_timestamp(), current_setting('application_name'), NEW.status, NEW.resolution,
          NEW.failure_code, NEW.attempts, NEW.processed_at, NEW.notified_at);
      END IF;
      RETURN NULL;
    END $$`,
  'CREATE TRIGGER chaos_note AFTER INSERT OR UPDATE ON alerts FOR EACH ROW EXECUTE FUNCTION chaos.note()',
];
