import { type Database, openDatabase } from '#prisma/client.ts';
import { migrate } from '#prisma/migrate.ts';
import { migrateQueue } from '#redis/migrate.ts';
import { type PostgresServer, startPostgres } from '#test/harness/postgres.ts';
import { startTcpProxy, type TcpProxy } from '#test/harness/tcp-proxy.ts';
import { waitFor } from '#test/harness/wait.ts';
import { copyDatabase, withClient } from './copy-database.ts';

/** PostgreSQL behind a proxy. The stack connects through the proxy, the fault injector does not. */
export type StackDatabase = {
  proxy: TcpProxy;
  /** Returns the URL for one process. Its name is recorded with every change that the process makes. */
  urlFor(processName: string): string;
  /** Returns the URL without the proxy. It changes with each restart. */
  directUrl(): string;
  /** Returns the injector's own client. It changes with each restart. */
  direct(): Database;
  /** Ends every session except the injector's. */
  disconnectClients(): Promise<void>;
  /** Stops PostgreSQL, in order or as a crash does, starts it again on the same data, and waits until it responds. */
  restart(how: { crash: boolean }): Promise<void>;
  /** Dumps the database and restores it into a new server, whose transaction ids start low. Nothing is lost. */
  restore(): Promise<void>;
  /** Makes writes to `alerts` fail as on a full disk, all of them or only results and releases, until the next call. */
  setFailingWrites(which: 'none' | 'results' | 'all'): Promise<void>;
  close(): Promise<void>;
};

/** Starts a durable, migrated PostgreSQL on `dataDir` that records every change of a row. */
export async function openStackDatabase(dataDir: string): Promise<StackDatabase> {
  let server = await startPostgres(dataDir);
  let restores = 0;
  const proxy = await startTcpProxy(server.port);
  // With one connection, `disconnectClients` spares all sessions of this client: its own.
  const open = () => openDatabase(server.url, { poolSize: 1, onError: () => {} });
  let db = open();
  const close = async () => {
    await db.$disconnect();
    await proxy.close();
    await server.stop();
  };
  try {
    await prepare(server.url);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    proxy,
    urlFor: (processName) => proxiedUrl(proxy, server.url, processName),
    directUrl: () => server.url,
    direct: () => db,
    disconnectClients: () => disconnectClients(db),
    async restart(how) {
      await server.restart(how);
      proxy.connectTo(server.port);
      // The old client is closed last: queries during the restart fail as "unavailable", not as "closed".
      const before = db;
      db = open();
      await before.$disconnect();
      await waitFor(() => db.$queryRaw`SELECT 1`.catch(() => undefined), { what: 'PostgreSQL after its restart' });
    },
    async restore() {
      restores += 1;
      const next = await startPostgres(`${dataDir}-${restores}`);
      const before = { db, server };
      await move(proxy, before, next);
      server = next;
      db = open();
      await before.db.$disconnect();
      await before.server.stop();
    },
    async setFailingWrites(which) {
      await db.$executeRaw`UPDATE chaos.failing_writes SET which = ${which}`;
    },
    close,
  };
}

/** Moves the contents of the database, and its clients, to a new server. Stops the new server if that fails. */
async function move(
  proxy: TcpProxy,
  from: { db: Database; server: PostgresServer },
  to: PostgresServer,
): Promise<void> {
  try {
    await prepare(to.url);
    await proxy.refuse();
    await disconnectClients(from.db); // what they have not committed yet must not be committed after the dump
    await copyDatabase(from.server.url, to.url);
    // The old server's ids would appear as new events once the new server's counter reaches them.
    await withClient(to.url, (client) => client.query("UPDATE alerts SET change_xid = '3'"));
    proxy.connectTo(to.port);
  } catch (error) {
    await to.stop();
    throw error;
  } finally {
    await proxy.accept();
  }
}

/** Creates the tables, the recording of changes, and the role of the processes: `postgres` has a password per server. */
async function prepare(url: string): Promise<void> {
  await migrate(url);
  await migrateQueue(url);
  await withClient(url, async (client) => {
    await client.query(`CREATE ROLE ${ROLE} LOGIN SUPERUSER PASSWORD '${ROLE}'`);
    for (const statement of [...RECORD_CHANGES, ...RECORD_DELIVERIES, ...FAIL_WRITES]) await client.query(statement);
  });
}

/** Name and password. */
const ROLE = 'stack';

function proxiedUrl(proxy: TcpProxy, directUrl: string, processName: string): string {
  const url = new URL(directUrl);
  url.port = String(proxy.port);
  url.username = url.password = ROLE;
  url.searchParams.set('application_name', processName);
  return url.href;
}

async function disconnectClients(db: Database): Promise<void> {
  await db.$queryRaw`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'`;
}

// A trigger sees every change, whichever process makes it and however short-lived it is. Reading the rows at intervals
// would miss a record that is written twice in quick succession.
const RECORD_CHANGES = [
  'CREATE SCHEMA chaos',
  `CREATE TABLE chaos.changes (
    n bigserial PRIMARY KEY, uuid uuid NOT NULL, at timestamptz NOT NULL, by text NOT NULL, status text NOT NULL,
    resolution text, failure_code text, attempts int NOT NULL, processed_at timestamptz, notified_at timestamptz)`,
  'CREATE INDEX ON chaos.changes (uuid)',
  `CREATE FUNCTION chaos.record_change() RETURNS trigger LANGUAGE plpgsql AS $$
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
  `CREATE TRIGGER chaos_record_change AFTER INSERT OR UPDATE ON alerts
    FOR EACH ROW EXECUTE FUNCTION chaos.record_change()`,
];

// `claim`: an attempt begins. Every other change ends one, or moves the next one.
const RECORD_DELIVERIES = [
  `CREATE TABLE chaos.delivery_changes (
    n bigserial PRIMARY KEY, id uuid NOT NULL, at timestamptz NOT NULL, by text NOT NULL, status text NOT NULL,
    attempts int NOT NULL, claim bool NOT NULL)`,
  `CREATE FUNCTION chaos.record_delivery() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'INSERT' OR
        (NEW.status, NEW.attempts, NEW.next_attempt_at) IS DISTINCT FROM
        (OLD.status, OLD.attempts, OLD.next_attempt_at) THEN
        INSERT INTO chaos.delivery_changes (id, at, by, status, attempts, claim)
        VALUES (NEW.id, clock_timestamp(), current_setting('application_name'), NEW.status, NEW.attempts,
          TG_OP = 'UPDATE' AND NEW.attempts > OLD.attempts);
      END IF;
      RETURN NULL;
    END $$`,
  `CREATE TRIGGER chaos_record_delivery AFTER INSERT OR UPDATE ON deliveries
    FOR EACH ROW EXECUTE FUNCTION chaos.record_delivery()`,
];

// The trigger always exists, because creating it would wait for every running transaction.
const FAIL_WRITES = [
  "CREATE TABLE chaos.failing_writes (which text NOT NULL); INSERT INTO chaos.failing_writes VALUES ('none')",
  `CREATE FUNCTION chaos.fail_write() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
      is_result boolean := TG_OP = 'UPDATE' AND OLD.status = 'processing' AND NEW.status <> 'processing';
    BEGIN
      IF EXISTS (SELECT FROM chaos.failing_writes WHERE which = 'all' OR (which = 'results' AND is_result)) THEN
        RAISE disk_full USING MESSAGE = 'could not extend file: No space left on device';
      END IF;
      RETURN NEW;
    END $$`,
  `CREATE TRIGGER chaos_fail_write BEFORE INSERT OR UPDATE ON alerts
    FOR EACH ROW EXECUTE FUNCTION chaos.fail_write()`,
];
