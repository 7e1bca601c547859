import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { validKeys } from '#prisma/keys.ts';
import { runCommand } from '#test/harness/run-command.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { digest, formatKey, makeKey } from '../auth/key.ts';
import { createKeyAuth } from '../auth/key-auth.ts';
import { createKeyCache } from '../auth/key-cache.ts';
import { runKeysCommand } from '../auth/keys-command.ts';
import { json, newAlert, POLL, startTestApi, type TestApi } from './test-api.ts';

// `npm run keys` as an operator uses it, and its keys on two replicas.

let api: TestApi;
let replica: TestApi;
let loads = 0;
beforeAll(async () => {
  api = await startTestApi({ auth: (db) => createKeyAuth(createKeyCache(counted(db)), async () => {}) });
  replica = await startTestApi({
    databaseUrl: api.databaseUrl,
    auth: (db) =>
      createKeyAuth(
        createKeyCache(() => validKeys(db)),
        async () => {},
      ),
  });
});
afterAll(() => Promise.all([api.close(), replica.close()]));

const counted = (db: TestApi['db']) => () => {
  loads += 1;
  return validKeys(db);
};

/** Runs the command in this process, which takes a tenth of the CPU time of a new one. */
async function keys(args: string[], env: Record<string, string> = { DATABASE_URL: api.databaseUrl }) {
  const written = { stdout: '', stderr: '' };
  const collect = (stream: keyof typeof written) => ({
    write: (text: string) => {
      written[stream] += text;
    },
  });
  const code = await runKeysCommand(args, env, { stdout: collect('stdout'), stderr: collect('stderr') });
  return { code, ...written };
}

async function create(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await keys(['create', '--name', 'test', '--scope', 'write,read', ...args]);
  expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining('shown only once') });
  return stdout.trim();
}

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const status = async (key: string, target = api) =>
  (await fetch(`${target.url}/alerts`, { headers: bearer(key) })).status;
const idOf = (key: string) => key.split('_')[1] ?? '';

describe('npm run keys', () => {
  it('writes to the standard streams of its process, and sets the exit code', async () => {
    const command = (...args: string[]) => runCommand('api/auth/keys-cli.ts', args, { DATABASE_URL: api.databaseUrl });
    const created = await command('create', '--name', 'test', '--scope', 'read');
    expect(created).toMatchObject({ code: 0, err: expect.stringContaining('shown only once') });
    expect(await status(created.out.trim())).toBe(200);
    expect(await command('revoke')).toMatchObject({ code: 1, out: '', err: expect.stringContaining('one ID') });
  });

  it('creates a key that works at once and stores only the SHA-256 of its secret', async () => {
    const key = await create();
    expect(key).toMatch(/^va_[0-9a-f]{10}_[\w-]{43}$/);
    expect(await status(key)).toBe(200);
    expect((await api.post(newAlert(), bearer(key))).status).toBe(202);
    const rows = await api.db.apiKey.findMany();
    const secret = key.slice(14);
    expect(JSON.stringify(rows)).not.toContain(secret);
    expect(rows.find(({ id }) => id === idOf(key))?.sha256).toHaveLength(32);
    expect(JSON.stringify(api.logged)).not.toContain(secret);
  });

  it('lists keys with scopes, stores and state, never a secret', async () => {
    const key = await create('--store', 'harbour', '--store', 'a,b', '--expires', '90d');
    const { stdout } = await keys(['list']);
    const [head, ...lines] = stdout.split('\n');
    expect(head).toMatch(/^id +name +scopes +stores +created +expires +last used +state$/);
    expect(lines.find((line) => line.startsWith(idOf(key)))).toMatch(
      /^[0-9a-f]{10} {2}test +write,read +harbour,a,b +20\d\d-\S+ \S+ +20\d\d-\S+ \S+ +never +active$/,
    );
    expect(stdout).not.toContain(key.slice(14));
  });

  it('limits a key to its stores, scopes and expiry', async () => {
    const key = await create('--store', 'harbour');
    expect((await api.post(newAlert({ store: 'harbour' }), bearer(key))).status).toBe(202);
    expect((await api.post(newAlert({ store: 'station' }), bearer(key))).status).toBe(403);
    expect((await fetch(`${api.url}/alerts/retry`, { method: 'POST', headers: bearer(key) })).status).toBe(403);
    const short = await create('--expires', '1h');
    expect(await status(short)).toBe(200);
    await api.db.apiKey.update({ where: { id: idOf(short) }, data: { expiresAt: new Date() } });
    expect((await keys(['list'])).stdout).toMatch(new RegExp(`${idOf(short)}.+ expired`));
    await expect.poll(async () => (await status(short)) === 401, POLL).toBeTruthy();
  });

  it('revokes a key on every replica', async () => {
    const key = await create();
    expect([await status(key), await status(key, replica)]).toEqual([200, 200]);
    const { stdout } = await keys(['revoke', idOf(key)]);
    expect(stdout).toBe(`Key ${idOf(key)} revoked: every api rejects it within 5 seconds.\n`);
    for (const each of [api, replica]) await expect.poll(() => status(key, each), POLL).toBe(401);
    expect((await keys(['revoke', key])).stdout).toContain('was already revoked');
  });

  it('rotates a key: both work until the overlap ends', async () => {
    const key = await create('--store', 'harbour');
    const { code, stdout, stderr } = await keys(['rotate', idOf(key), '--overlap', '7d']);
    const next = stdout.trim();
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringMatching(/replaces .+valid until 20/) });
    expect([await status(key), await status(next)]).toEqual([200, 200]);
    const list = (await keys(['list'])).stdout;
    expect(list).toMatch(new RegExp(`${idOf(key)}.+ harbour .+ replaced by ${idOf(next)}`));
  });

  it('does nothing with --first if there is a key', async () => {
    await create();
    expect(await keys(['create', '--first', '--name', 'x', '--scope', 'read'])).toMatchObject({ code: 0, stdout: '' });
  });

  it.each([
    [['create'], /--name is required\.\n--scope is required\.\n\nUsage:/],
    [['create', '--name', 'x', '--scope', 'all'], /--scope takes write, read, operate, manage, metrics\./],
    [['create', '--name', 'x', '--scope', 'read', '--expires', 'soon'], /--expires takes 12h, 90d or/],
    [
      ['create', '--name', 'x', '--scope', 'read', '--expires', '2020-01-01T00:00:00Z'],
      /--expires takes .+ a time in the future/,
    ],
    [['create', '--nam', 'x'], /Unknown option '--nam'.+\n[\s\S]*Usage:/],
    [['revoke'], /revoke takes one ID/],
    [['revoke', '0123456789'], /No key has the id 0123456789/],
    [['grant'], /Unknown command grant\./],
  ])('rejects %j and explains why', async (args, message) => {
    const ended = await keys(args);
    expect(ended).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(message) });
  });

  it('reports a missing, unavailable or unmigrated database in one sentence', async () => {
    expect((await keys(['list'], {})).stderr).toContain('DATABASE_URL: is required and not set');
    const unavailable = await keys(['list'], { DATABASE_URL: 'postgres://u:hush@127.0.0.1:9/alerts' });
    expect(unavailable).toMatchObject({ code: 1, stderr: expect.stringMatching(/database/) });
    expect(unavailable.stderr).not.toMatch(/hush|\n.*at /);
    const empty = await createTestDatabase({ empty: true });
    expect((await keys(['list'], { DATABASE_URL: empty.url })).stderr).toContain('npm run migrate');
    await empty.drop();
  });

  it('shows its usage without arguments', async () => {
    expect(await keys([])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Usage: npm run keys -- create/) });
  });
});

describe('an invalid key', () => {
  it.each([
    ['unknown', `va_0123456789_${'x'.repeat(43)}`],
    ['of another format', 'hunter2'],
    ['empty', ''],
    ['very long', `va_0123456789_${'x'.repeat(5_000)}`],
  ])('is rejected: %s', async (_name, key) => {
    const response = await fetch(`${api.url}/alerts`, { headers: bearer(key) });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer /);
    expect(await json(response)).toMatchObject({ type: '/problems/unauthorized' });
  });

  it('is rejected if the id is valid and the secret is another key’s', async () => {
    const [key, other] = [await create(), await create()];
    expect(await status(`va_${idOf(key)}_${other.slice(14)}`)).toBe(401);
    expect(await status(`${key.slice(0, -2)}AA`)).toBe(401);
  });

  it('costs the database at most one query per 500 ms', async () => {
    await status(await create());
    loads = 0;
    const unknown = (n: number) => `va_${n.toString(16).padStart(10, '0')}_${'x'.repeat(43)}`;
    const started = Date.now();
    for (let n = 0; n < 600; n += 50) {
      const statuses = await Promise.all(Array.from({ length: 50 }, (_, i) => status(unknown(n + i))));
      expect(new Set(statuses)).toEqual(new Set([401]));
    }
    expect(loads).toBeLessThanOrEqual(1 + Math.ceil((Date.now() - started) / 500));
  });
});

describe('the key cache', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date', 'performance'] }));
  afterEach(() => void vi.useRealTimers());

  const { id, secret } = makeKey();
  const key = formatKey({ id, secret });
  const row = (expiresAt: Date | null) => ({
    ...{ id, name: 'x', sha256: new Uint8Array(digest(secret)), scopes: ['read'], stores: [] },
    ...{ createdAt: new Date(), revokedAt: null, expiresAt },
  });

  it('rejects a key when it expires, without another query', async () => {
    let queries = 0;
    const rows = [row(new Date(Date.now() + 1_000))];
    const cache = createKeyCache(async () => {
      queries += 1;
      return rows;
    });
    expect(await cache.clientOf(key)).toMatchObject({ id });
    vi.advanceTimersByTime(1_000);
    expect(await cache.clientOf(key)).toBeUndefined();
    expect(queries).toBe(1);
  });

  it('rejects a revoked key after less than 5 seconds', async () => {
    let rows = [row(null)];
    const cache = createKeyCache(async () => rows);
    expect(await cache.clientOf(key)).toMatchObject({ id });
    rows = [];
    vi.advanceTimersByTime(4_900);
    expect(await cache.clientOf(key)).toBeUndefined();
  });
});

describe('Basic', () => {
  it('accepts the key as password with any user name', async () => {
    const key = await create();
    const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });
    expect((await fetch(`${api.url}/alerts`, { headers: basic(`me:${key}`) })).status).toBe(200);
    expect((await fetch(`${api.url}/alerts`, { headers: basic(`:${key}`) })).status).toBe(200);
    expect((await fetch(`${api.url}/alerts`, { headers: basic(`${key}:`) })).status).toBe(401);
  });
});
