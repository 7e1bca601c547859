import { afterAll, beforeAll, expect, it } from 'vitest';
import { appendAudit, type NewAuditEntry } from '#prisma/audit.ts';
import { verifyAuditLog } from '#prisma/audit-chain.ts';
import { createFailedLogins } from '../auth/failed-logins.ts';
import { createKey, keyAuth, sendRaw } from './browser.ts';
import { POLL, startTestApi, type TestApi } from './test-api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ auth: keyAuth, trustProxy: 1 });
});
afterAll(() => api.close());

async function send(path: string, { key, cookie = '', from }: { key?: string; cookie?: string; from: string }) {
  const headers = { origin: api.url, cookie, 'x-forwarded-for': from };
  const type = { 'content-type': 'application/x-www-form-urlencoded' };
  const body = `${new URLSearchParams(key === undefined ? {} : { key })}`;
  const response = await sendRaw(`${api.url}${path}`, { method: 'POST', headers: { ...headers, ...type }, body });
  return String(response.headers['set-cookie']).split(';', 1)[0] ?? '';
}

const entries = () => api.db.auditEntry.findMany({ orderBy: { id: 'asc' } });

it('records each login and logout once, and failed logins by address', async () => {
  const key = await createKey(api.db, 'read');
  const [, id = ''] = key.split('_');
  const cookie = await send('/login', { key, from: '203.0.113.1' });
  await send('/logout', { cookie, from: '203.0.113.2' });
  await send('/logout', { cookie, from: '203.0.113.2' });
  await send('/logout', { from: '203.0.113.2' });
  expect(await entries()).toMatchObject([
    { action: 'session.started', actor: id, actorName: 'test', address: '203.0.113.1', target: null, details: {} },
    { action: 'session.ended', actor: id, actorName: 'test', address: '203.0.113.2', target: null, details: {} },
  ]);
  await send('/login', { key: 'va_0123456789_wrong', from: '203.0.113.3' });
  await expect.poll(async () => (await entries()).length, POLL).toBe(3);
  const [, , failed] = await entries();
  expect(failed).toMatchObject({ action: 'login.failed', actor: 'anonymous', address: '203.0.113.3' });
  expect(failed?.details).toEqual({ attempts: 1, first_at: expect.any(String) });
  const log = await entries();
  expect(JSON.stringify(log.map(({ id: _, ...entry }) => entry))).not.toContain(key.split('_')[2]);
  expect(await verifyAuditLog(api.db)).toMatchObject({ entries: 3 });
});

it('writes failed logins of at most 21 addresses per interval, and those of an unavailable database later', async () => {
  const written: NewAuditEntry[][] = [];
  let available = false;
  const append = async (each: NewAuditEntry[]) => {
    written.push(each);
    if (!available) throw new Error('unavailable');
    await appendAudit(api.db, ...each);
  };
  const failed = createFailedLogins({ append, intervalMs: 1 });
  for (let n = 0; n < 60; n += 1) failed.count(`203.0.113.${n % 30}`);
  await expect.poll(() => written.length, POLL).toBeGreaterThan(1);
  available = true;
  await failed.close();
  const last = written.at(-1) ?? [];
  expect(last).toHaveLength(21);
  expect(last[0]).toMatchObject({ actor: { address: '203.0.113.0' }, details: { attempts: 2 } });
  expect(last[20]).toMatchObject({ actor: { address: null }, details: { attempts: 20, addresses: 'others' } });
  expect((await verifyAuditLog(api.db)).error).toBeUndefined();
});
