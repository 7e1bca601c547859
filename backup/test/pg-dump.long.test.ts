import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { migrate } from '#prisma/migrate.ts';
import { missing, startDebianPostgres } from './debian-postgres.ts';
import { backUp, fill, openTestPlace, query, restoreInto, temporaryFolder, testDatabase } from './fixture.ts';

const ROWS = 'SELECT uuid, store, video, claims, resolution, notified_at FROM alerts ORDER BY id';

describe.skipIf(missing)('Debian’s PostgreSQL', () => {
  it('is backed up with its pg_dump, and restored into a newer server', async () => {
    const server = await startDebianPostgres();
    await migrate(server.url);
    await fill(server.url);
    const folder = await temporaryFolder();
    const place = openTestPlace(folder);
    const lines: string[] = [];
    const name = await backUp(server.url, place, { format: undefined, print: (line) => void lines.push(line) });
    expect(lines[0]).toMatch(/^format pg_dump: \/\S+ 1\d, PostgreSQL 15$/);
    expect(await readdir(join(folder, name))).toContain('database.dump');
    const target = await testDatabase({ empty: true });
    const report = await restoreInto(target, place);
    expect(report).toMatchObject({ released: { alerts: 20 }, problems: [] });
    expect(await query(target, ROWS)).toEqual(await query(server.url, ROWS));
    expect(await query(target, 'SELECT DISTINCT change_xid::text FROM alerts')).toEqual([{ change_xid: '1' }]);
    expect(await query(target, 'SELECT id::text, hash FROM audit_log ORDER BY id')).toEqual(
      await query(server.url, 'SELECT id::text, hash FROM audit_log ORDER BY id'),
    );
  }, 600_000);

  it('refuses a pg_dump that is older than the server, and uses the other format unless it was required', async () => {
    const url = await testDatabase();
    const place = openTestPlace(await temporaryFolder());
    const needed = /pg_dump 18 or newer is needed, .*Install the package postgresql-client-18, or set PG_DUMP_PATH/;
    await expect(backUp(url, place, { format: 'pg_dump' })).rejects.toThrow(needed);
    const wrong = { PG_DUMP_PATH: '/usr/lib/postgresql/15/bin/pg_dump' };
    await expect(backUp(url, place, { format: undefined, search: wrong })).rejects.toThrow(
      'PG_DUMP_PATH names an unsuitable program',
    );
    const lines: string[] = [];
    await backUp(url, place, { format: undefined, print: (line) => void lines.push(line) });
    expect(lines[0]).toMatch(/^format tables: pg_dump 18 or newer is needed/);
  }, 600_000);

  it('returns to a point in time with pgbackrest', async () => {
    const { url, folder, data, run, start, stop } = await startDebianPostgres();
    const pgbackrest = (...args: string[]) =>
      run('pgbackrest', `--config=${join(folder, 'pgbackrest.conf')}`, '--stanza=alerts', ...args);
    await migrate(url);
    await pgbackrest('stanza-create');
    await pgbackrest('check');
    await fill(url);
    await pgbackrest('--type=full', 'backup');
    // pgbackrest records whole seconds: the target must be in a later one than the end of the backup.
    await query(url, 'SELECT pg_sleep(1.1)');
    await query(
      url,
      "INSERT INTO alerts (uuid, video, store, timestamp, request_id) VALUES (gen_random_uuid(), 'v', 'after the backup', 1, 'r')",
    );
    const before = await query(url, ROWS);
    const [moment] = await query(url, 'SELECT clock_timestamp()::text AS at');
    await query(url, 'DELETE FROM alerts');
    // The mistake is archived, too.
    await query(url, 'SELECT pg_switch_wal()');
    await pgbackrest('check');
    await stop();

    await pgbackrest('--delta', '--type=time', `--target=${moment?.at}`, '--target-action=promote', 'restore');
    await start();
    await expect
      .poll(() => query(url, 'SELECT pg_is_in_recovery() AS waiting'), { timeout: 150_000 })
      .toEqual([{ waiting: false }]);
    expect(await query(url, ROWS)).toEqual(before);
    // Transaction ids continue after those of the rows: no event appears from the past, and no position is in the future.
    const future = 'SELECT count(*)::int AS n FROM alerts WHERE change_xid >= pg_snapshot_xmax(pg_current_snapshot())';
    expect(await query(url, future)).toEqual([{ n: 0 }]);
    expect((await run('pg_controldata', '-D', data)).includes('in production')).toBe(true);
  }, 600_000);
});
