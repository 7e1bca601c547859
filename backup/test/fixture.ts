import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { onTestFinished } from 'vitest';
import { seal } from '#destinations/secret-box.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { createBackup } from '../create.ts';
import { type BackupPlace, openPlace } from '../place.ts';
import { type RestoreReport, restoreBackup } from '../restore.ts';

export const KEY = Buffer.alloc(32, 7);

const DESTINATION = '00000000-0000-4000-8000-000000000001';

/** Alerts in every state, with an audit entry, a destination with secrets, a login and a picture. */
const ROWS = `
  INSERT INTO alerts (uuid, video, store, timestamp, request_id, status, claims, attempts, resolution, notified_at)
  SELECT gen_random_uuid(), '/videos/a b\\' || n, E'store\\t\\\\.\\n' || n % 3, 1.5 + n, 'r',
    (CASE WHEN n % 10 = 0 THEN 'processing' WHEN n % 10 = 1 THEN 'pending' ELSE 'processed' END)::alert_status, 2, 2,
    CASE WHEN n % 10 > 1 THEN '640x480' END, CASE WHEN n % 10 > 1 THEN now() END
  FROM generate_series(1, 200) n;
  INSERT INTO pictures (alert_id, status, crashes) SELECT id, 'pending', 1 FROM alerts LIMIT 5;
  INSERT INTO api_keys (id, name, sha256, scopes) VALUES ('k', 'a key', '\\x00', '{read}');
  INSERT INTO sessions (sha256, key_id, expires_at) VALUES ('\\x01', 'k', now() + interval '1 day');
  INSERT INTO audit_log (actor, actor_name, action, details) VALUES ('cli', 'cli', 'key.created', '{"a":  1}');
  INSERT INTO audit_log (actor, actor_name, action, details) VALUES ('cli', 'cli', 'key.revoked', '{}')`;

export async function query(url: string, sql: string, values: unknown[] = []): Promise<pg.QueryResult['rows']> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql, values)).rows;
  } finally {
    await client.end();
  }
}

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'backup-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export function openTestPlace(folder: string): BackupPlace {
  return openPlace(folder, { env: {}, option: '--to' });
}

/** Returns the URL of a database that is dropped after the test. */
export async function testDatabase(options: { empty?: boolean } = {}): Promise<string> {
  const database = await createTestDatabase(options);
  onTestFinished(database.drop);
  return database.url;
}

export async function fill(url: string): Promise<void> {
  await query(url, ROWS);
  const insert = "INSERT INTO destinations (id, name, kind, config, secrets) VALUES ($1, 'shop', 'webhook', '{}', $2)";
  await query(url, insert, [DESTINATION, Buffer.from(seal(KEY, DESTINATION, { token: 't' }))]);
}

export async function backUp(
  databaseUrl: string,
  place: BackupPlace,
  options: Partial<Parameters<typeof createBackup>[0]> = {},
): Promise<string> {
  const given = { databaseUrl, place, format: 'tables' as const, search: {}, program: '0.1.0', print: () => {} };
  return (await createBackup({ ...given, ...options })).name;
}

export function restoreInto(
  databaseUrl: string,
  place: BackupPlace,
  options: Partial<Parameters<typeof restoreBackup>[0]> = {},
): Promise<RestoreReport> {
  return restoreBackup({ databaseUrl, place, search: {}, print: () => {}, secretsKey: KEY, ...options });
}

/** Returns a filled database and its backup. */
export async function backedUp() {
  const url = await testDatabase();
  await fill(url);
  const folder = await temporaryFolder();
  const place = openTestPlace(folder);
  const name = await backUp(url, place);
  return { url, folder, place, name };
}
