import { stat } from 'node:fs/promises';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { migrate } from '#prisma/migrate.ts';
import { migrateQueue } from '#redis/migrate.ts';
import { openRoles } from '../roles.ts';
import { query, useDataFolder } from './data-folder.ts';

const fixture = useDataFolder();

/** Returns the SQLSTATE with which the role is refused; undefined if the statement succeeds. */
async function errorOf(url: string, sql: string): Promise<string | undefined> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
    return undefined;
  } catch (error) {
    return error instanceof pg.DatabaseError ? error.code : String(error);
  } finally {
    await client.end();
  }
}

const PRIVILEGE = '42501';
const FORBIDDEN = [
  "COPY alerts TO PROGRAM 'id'",
  "COPY alerts TO '/tmp/alerts'",
  'CREATE TABLE other (n int)',
  'CREATE SCHEMA other',
  'CREATE DATABASE other',
  'CREATE ROLE other',
  'DROP TABLE alerts',
  'TRUNCATE alerts',
  'ALTER TABLE alerts ADD COLUMN other int',
  "ALTER SYSTEM SET log_statement = 'all'",
  'SELECT * FROM pg_authid',
  "SELECT pg_read_file('/etc/passwd')",
  "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'",
  'SET ROLE alerts_owner',
  'SET ROLE postgres',
  "UPDATE _prisma_migrations SET migration_name = 'other'",
  'DROP SCHEMA bullmq CASCADE',
  "UPDATE audit_log SET actor = ''",
  'DELETE FROM audit_log',
  "INSERT INTO audit_head (id, anchor_hash, last_hash) VALUES (2, '', '')",
  'UPDATE audit_head SET last_id = 0',
  'SELECT prune_audit_log(29)',
  'DROP TRIGGER append ON audit_log',
  'ALTER TABLE audit_log DISABLE TRIGGER ALL',
  "SET session_replication_role = 'replica'",
];

describe('the roles of the embedded PostgreSQL', () => {
  it('the application may read and write rows and nothing else', async () => {
    await fixture.fill();
    const postgres = await fixture.start();
    const roles = await openRoles(postgres.url, fixture.dataDir);
    await migrate(roles.owner);
    await migrateQueue(roles.owner);
    for (const sql of FORBIDDEN) expect([sql, await errorOf(roles.app, sql)]).toEqual([sql, PRIVILEGE]);
    const attributes = `SELECT rolname FROM pg_roles WHERE rolname LIKE 'alerts%'
      AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls)`;
    expect(await query(postgres, attributes)).toEqual([]);
    expect(await query({ url: roles.app }, 'SELECT count(*)::int FROM alerts')).toEqual([0]);
    // Tables of deliveries; a result locks the destinations.
    const lock = 'SELECT 1 FROM destinations FOR KEY SHARE';
    const write = "INSERT INTO destinations (name, kind, config) VALUES ('a', 'ntfy', '{}')";
    const tables = ['deliveries', 'delivery_groups', 'mutes', 'destinations'].map((table) => `DELETE FROM ${table}`);
    for (const sql of [write, lock, ...tables]) expect([sql, await errorOf(roles.app, sql)]).toEqual([sql, undefined]);
    const append = "INSERT INTO audit_log (actor, action, details) VALUES ('a', 'key.created', '{}')";
    for (const sql of [append, 'SELECT prune_audit_log(30)', 'SELECT * FROM audit_head']) {
      expect([sql, await errorOf(roles.app, sql)]).toEqual([sql, undefined]);
    }
    const { mode } = await stat(roles.appFile);
    expect(mode & 0o077).toBe(0);
    await roles.close();
  });

  it('take over the tables of a data folder that was used as superuser, and change nothing the second time', async () => {
    await fixture.fill();
    const postgres = await fixture.start();
    await migrate(postgres.url);
    await migrateQueue(postgres.url);
    const insert = `INSERT INTO alerts (uuid, video, store, timestamp, request_id)
      VALUES (gen_random_uuid(), '/a.mp4', 's', 1, 'r') RETURNING id::int`;
    await query(postgres, insert);
    for (const time of [1, 2]) {
      const roles = await openRoles(postgres.url, fixture.dataDir);
      expect(await migrate(roles.owner)).toEqual({ applied: [] });
      await migrateQueue(roles.owner);
      expect(await query({ url: roles.app }, insert)).toEqual([time + 1]);
      for (const sql of [
        "UPDATE _prisma_migrations SET logs = ''",
        'DELETE FROM audit_log',
        'DELETE FROM audit_head',
      ]) {
        expect(await errorOf(roles.app, sql)).toBe(PRIVILEGE);
      }
      expect(await errorOf(roles.owner, 'ALTER TABLE alerts ALTER COLUMN store SET NOT NULL')).toBeUndefined();
      expect(await errorOf(roles.owner, 'ALTER TABLE bullmq.job SET (fillfactor = 90)')).toBeUndefined();
    }
    const owners = `SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname IN ('public', 'bullmq', 'limits')`;
    expect(await query(postgres, owners)).toEqual(['alerts_owner']);
  });
});
