import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NewAuditEntry } from '#prisma/audit.ts';
import { keyClients } from '../../test/key-clients.ts';
import { newAlert, POLL, startTestApi, type TestApi } from '../../test/test-api.ts';
import { createReadLog } from '../reads.ts';

const { auth, client } = keyClients();
const reader = client('reader', ['read', 'write', 'manage']);

describe('with AUDIT_READS=all', () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startTestApi({ auth, auditReads: 'all' });
  });
  afterAll(() => api.close());

  const get = async (path: string, headers = reader) => (await fetch(api.url + path, { headers })).status;
  const entries = () =>
    api.db.auditEntry.findMany({ where: { action: { in: ['alert.read', 'alerts.listed'] } }, orderBy: { id: 'asc' } });

  it('records who read which alert, or which list, and nothing that was rejected', async () => {
    const { uuid } = newAlert();
    await api.post(newAlert({ uuid }), reader);
    expect(await get(`/alerts/${uuid.toUpperCase()}`)).toBe(200);
    for (const path of ['/alerts?status=done', `/alerts/${newAlert().uuid}`, '/alerts/x', `/alerts/${uuid}/picture`]) {
      expect(await get(path)).toBeGreaterThanOrEqual(400);
    }
    expect(await get(`/alerts/${uuid}`, {})).toBe(401);
    expect(await get(`/alerts/${uuid}/timeline`)).toBe(200);
    expect(await get('/alerts?limit=1&store=a')).toBe(200);
    await expect.poll(async () => (await entries()).length, POLL).toBe(3);
    expect(await entries()).toMatchObject([
      { action: 'alert.read', target: uuid, actor: 'id-reader', details: { of: 'alert', read_at: expect.any(String) } },
      { action: 'alert.read', target: uuid, details: { of: 'timeline' } },
      { action: 'alerts.listed', target: null, details: { of: 'list', query: { limit: '1', store: 'a' } } },
    ]);
  });
});

const read = (target: string) => ({ actor: { id: 'a' }, action: 'alert.read' as const, target, details: {} });

describe('a log of reads', () => {
  it('writes many reads with few statements, and the same read of the same client once', async () => {
    const written: NewAuditEntry[][] = [];
    const append = async (entries: NewAuditEntry[]) => void written.push(entries);
    const log = createReadLog({ mode: 'all', append, onDropped: () => expect.unreachable(), intervalMs: 1 });
    for (let n = 0; n < 450; n += 1) log.record(read(`${n % 225}`));
    await log.close();
    expect(written.map(({ length }) => length)).toEqual([200, 25]);
    expect(written[0]?.[0]?.details).toEqual({ read_at: expect.any(String), reads: 2 });
  });

  it('samples one read of a hundred, or none', async () => {
    for (const [mode, expected] of [
      ['sampled', 3],
      ['off', 0],
    ] as const) {
      const written: NewAuditEntry[] = [];
      const append = async (entries: NewAuditEntry[]) => void written.push(...entries);
      const log = createReadLog({ mode, append, onDropped: () => expect.unreachable() });
      for (let n = 0; n < 300; n += 1) log.record(read(`${n}`));
      await log.close();
      expect(written).toHaveLength(expected);
    }
  });

  it('keeps reads while the database is unavailable, and counts those that it cannot keep', async () => {
    let available = false;
    const written: NewAuditEntry[] = [];
    const append = async (entries: NewAuditEntry[]) => {
      if (!available) throw new Error('unavailable');
      written.push(...entries);
    };
    let dropped = 0;
    const onDropped = (count: number) => {
      dropped += count;
    };
    const log = createReadLog({ mode: 'all', append, onDropped, intervalMs: 1 });
    for (let n = 0; n < 10_003; n += 1) log.record(read(`${n}`));
    expect(dropped).toBe(3);
    available = true;
    await expect.poll(() => written.length, POLL).toBe(10_000);
    available = false;
    log.record(read('last'));
    await log.close();
    expect(dropped).toBe(4);
  });
});
