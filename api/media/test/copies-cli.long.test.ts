import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { verifyAuditLog } from '#prisma/audit-chain.ts';
import { recordNoCopy } from '#prisma/copies.ts';
import { compileCache } from '#test/harness/process.ts';
import { alert, api, claimed, makeCopy } from './copies-fixture.ts';

describe('npm run copies', () => {
  type Ended = { code: number; stdout: string; stderr: string };
  async function copies(
    args: string[],
    env: Record<string, string> = { DATABASE_URL: api.databaseUrl },
  ): Promise<Ended> {
    const entry = fileURLToPath(new URL('../copies-cli.ts', import.meta.url));
    return promisify(execFile)(process.execPath, [entry, ...args], { env: { ...compileCache(), ...env } }).then(
      (out) => ({ code: 0, ...out }),
      (error: Ended) => error,
    );
  }
  const OLD = ['--older-than', '30d', '--store', 'archive'];

  it('counts, requests with a limit, and continues', async () => {
    for (let days = 29; days < 34; days += 1) await alert({ store: 'archive', days });
    const dryRun = await copies([...OLD, '--dry-run']);
    expect(dryRun).toMatchObject({ code: 0, stdout: expect.stringContaining('4 processed alerts') });
    expect(dryRun.stdout).toContain('4 not requested');
    expect(await api.db.copy.count({ where: { archive: true } })).toBe(0);
    const limited = await copies([...OLD, '--limit', '1', '--no-wait']);
    expect(limited.stdout).toContain('1 pending, 3 not requested');
    const rest = await copies([...OLD, '--no-wait']);
    expect(rest).toMatchObject({ code: 0, stdout: expect.stringContaining('4 pending, 0 not requested') });
    expect(await api.db.copy.count({ where: { archive: true } })).toBe(4);
    // Neither the dry run nor a run without anything to request.
    await copies([...OLD, '--no-wait']);
    const log = await api.db.auditEntry.findMany({ where: { action: 'copies.requested' }, orderBy: { id: 'asc' } });
    const details = { store: 'archive', before: expect.any(String), retry: false };
    expect(log.map((entry) => [entry.actor, entry.details])).toEqual([
      ['cli', { ...details, copies: 1 }],
      ['cli', { ...details, copies: 3 }],
    ]);
    expect((await verifyAuditLog(api.db)).error).toBeUndefined();
  });

  it('waits until all are made, and exits with 3 if some could not be', async () => {
    const running = copies(OLD);
    for (let n = 0; n < 3; n += 1) await makeCopy();
    await recordNoCopy(api.db, await claimed(), { reason: 'too_long', detail: '' });
    const { code, stdout } = await running;
    expect(stdout).toContain('0 pending, 0 not requested, 1 (too_long 1) not possible');
    expect(code).toBe(3);
    const retried = await copies([...OLD, '--retry', '--no-wait']);
    expect(retried.stdout).toContain('3 ready (30.0 kB), 1 pending');
  });

  it.each([
    [[], '--older-than is required'],
    [['--older-than', '30', '--store', 'a'], '--older-than takes 12h, 30d or 1y'],
    [['--older-than', '30d'], '--store is required'],
    [[...OLD, '--limit', '0'], '--limit takes a number from 1'],
    [[...OLD, '--fast'], '--fast'],
  ])('rejects %j', async (args, message) => {
    const { code, stderr } = await copies(args);
    expect(stderr).toContain(message);
    expect(stderr).toContain('Usage: npm run copies');
    expect(code).toBe(2);
  });

  it('explains itself, and a database that is unavailable', async () => {
    expect(await copies(['--help'])).toMatchObject({ code: 0, stdout: expect.stringContaining('--dry-run') });
    const env = { DATABASE_URL: 'postgres://127.0.0.1:1/alerts' };
    expect(await copies(OLD, env)).toMatchObject({ code: 1, stderr: 'the database is unavailable\n' });
    expect(await copies(OLD, {})).toMatchObject({ code: 1, stderr: expect.stringContaining('DATABASE_URL') });
  });
});
