import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findAlert, findFailed, retryFailed } from '#prisma/alerts.ts';
import { verifyAuditLog } from '#prisma/audit-chain.ts';
import { readChanges } from '#prisma/change-feed.ts';
import { runCommand } from '#test/harness/run-command.ts';
import { readChain } from '../chain.ts';
import { openBucketArchive, openFolderArchive } from './archive-fixture.ts';
import { type Archive, archiveAll, type Fixture, finishAlerts, openFixture } from './archived-alerts.ts';

async function rowsOf({ db }: Fixture) {
  const alerts = await db.alert.findMany({ orderBy: { uuid: 'asc' }, include: { rounds: true } });
  return alerts.map(({ id, rounds, ...alert }) => ({ ...alert, rounds: rounds.map(({ alertId, ...round }) => round) }));
}

describe.each([
  ['a folder', openFolderArchive],
  ['a bucket', openBucketArchive],
])('alerts that were archived in %s', (_where, open) => {
  it('are restored with all columns and rounds, once, and never processed again', async () => {
    const fixture = await openFixture();
    const { db } = fixture;
    const uuids = await finishAlerts(fixture);
    const before = await rowsOf(fixture);
    const archive: Archive = await open();
    const deleted = await archiveAll(fixture, archive);
    expect(deleted.uuids.toSorted()).toEqual(uuids.toSorted());
    expect(await db.alert.count()).toBe(0);

    const env = { ...archive.env, DATABASE_URL: fixture.url, PATH: '' };
    const run = (...args: string[]) => runCommand('archive/cli.ts', args, env);
    const day = new Date().toISOString().slice(0, 10);
    const listed = await run('list');
    expect(listed).toMatchObject({ code: 0, err: '' });
    expect(listed.out).toMatch(/ {2}3 .* store-1\n.* 1 .* store-2\n4 alerts in 2 files, .*; 1 manifests\n$/);
    expect(await run('verify')).toMatchObject({
      code: 0,
      out: expect.stringContaining('1 manifests, 2 files, 4 alerts: no problems\n'),
    });
    const range = ['--from', '2026-01-01', '--to', day];
    const first = await run('restore', ...range, '--store', 'store-2');
    expect(first).toMatchObject({ code: 0, err: '' });
    expect(first.out).toContain('1 alerts restored, 0 skipped because they exist; from 1 files\n');
    expect((await run('restore', ...range)).out).toMatch(/3 alerts restored, 1 skipped/);
    expect((await run('restore', ...range)).out).toMatch(/\b0 alerts restored, 4 skipped/);
    expect((await run('restore', '--from', '2020-01-01', '--to', '2020-01-02')).out).toMatch(/has no alerts/);

    const log = await db.auditEntry.findMany({ orderBy: { id: 'asc' } });
    const target = archive.env.ARCHIVE_URL;
    const two = { from: '2026-01-01', to: day, store: null, files: 2 };
    expect(log.map(({ details }) => details)).toEqual([
      { ...two, store: 'store-2', files: 1, alerts: 1 },
      { ...two, store: 'store-2', files: 1, restored: 1, existing: 0 },
      ...[
        { ...two, alerts: 4 },
        { ...two, restored: 3, existing: 1 },
      ],
      ...[
        { ...two, alerts: 4 },
        { ...two, restored: 0, existing: 4 },
      ],
    ]);
    expect(log[0]).toMatchObject({ actor: 'cli', action: 'archive.restore_started', target });
    expect(log[1]).toMatchObject({ actor: 'cli', action: 'archive.restored', target });
    expect(await verifyAuditLog(db)).toMatchObject({ entries: 6 });

    expect(await rowsOf(fixture)).toEqual(before);
    expect(await db.archivedAlert.count()).toBe(4);
    expect(await db.delivery.count()).toBe(0);
    expect((await db.picture.findMany()).map(({ status, reason }) => `${status} ${reason}`)).toEqual(
      Array.from({ length: 3 }, () => 'none not_archived'),
    );
    const { changes } = await readChanges(db, { xid: 1n, id: 1_000_000_000n }, { limit: 100, scan: 100 });
    expect(changes).toEqual([]);
    const failed = before.find(({ status }) => status === 'failed')?.uuid ?? '';
    expect(await retryFailed(db, [failed])).toEqual([]);
    expect(await findFailed(db, {}, 10)).toEqual({ matched: 0, uuids: [] });
    expect((await findAlert(db, failed))?.status).toBe('failed');

    // They are in the archive already.
    const again = await archiveAll(fixture, archive);
    expect(again.uuids).toHaveLength(4);
    expect((await readChain(archive.store)).number).toBe(1);
  });
});

it.each([
  [[], 0, 'Usage: npm run archive'],
  [['restore'], 2, 'restore needs --from and --to'],
  [['restore', '--from', '2026-10-01', '--to', '2026-09-01'], 2, '--from is after --to'],
  [['list', '--from', 'yesterday'], 2, '--from takes a day such as 2026-10-01'],
  [['remove'], 2, 'the command is list, verify or restore'],
  [['list', 'all'], 2, 'unexpected argument all'],
  [['list'], 1, 'ARCHIVE_URL: is required and not set'],
])('%j exits with %i', async (args, code, text) => {
  const result = await runCommand('archive/cli.ts', args, {});
  expect(result.code).toBe(code);
  expect(result.out + result.err).toContain(text);
});

it('reports what verification finds, and what to do', async () => {
  const fixture = await openFixture();
  await finishAlerts(fixture);
  const archive = openFolderArchive();
  await archiveAll(fixture, archive);
  rmSync(join(archive.folder, 'manifests/00000001.json'));
  const { code, out } = await runCommand('archive/cli.ts', ['verify'], { ...archive.env, DATABASE_URL: fixture.url });
  expect(code).toBe(3);
  expect(out).toContain('PROBLEM  manifests/00000001.json is missing\nPROBLEM  data/');
  expect(out).toContain('See docs/archive.md');
});
