import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { validKeys } from '#prisma/keys.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { digest, formatKey, makeKey } from '../auth/key.ts';
import { createKeyAuth } from '../auth/key-auth.ts';
import { createKeyCache } from '../auth/key-cache.ts';
import { eventually, json, newAlert, startTestApi, type TestApi } from './test-api.ts';

// `npm run keys` as an operator uses it, and what two replicas make of its keys.

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

type Ended = { code: number; stdout: string; stderr: string };
async function keys(args: string[], env: Record<string, string> = { DATABASE_URL: api.databaseUrl }): Promise<Ended> {
  const entry = fileURLToPath(new URL('../auth/keys-cli.ts', import.meta.url));
  return promisify(execFile)(process.execPath, [entry, ...args], { env }).then(
    (out) => ({ code: 0, ...out }),
    (error: Ended) => error,
  );
}

async function create(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await keys(['create', '--name', 'test', '--scope', 'write,read', ...args]);
  expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining('shown only once') });
  return stdout.trim();
}

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const status = async (key: string, at = api) => (await fetch(`${at.url}/alerts`, { headers: bearer(key) })).status;
const idOf = (key: string) => key.split('_')[1] ?? '';

describe('npm run keys', () => {
  it('creates a key that works at once; of its secret only the SHA-256 is stored', async () => {
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
    expect(head).toMatch(/^id +name +scopes +stores +created +expires +state$/);
    expect(lines.find((line) => line.startsWith(idOf(key)))).toMatch(
      /^[0-9a-f]{10} {2}test +write,read +harbour,a,b +20\d\d-\S+ \S+ +20\d\d-\S+ \S+ +active$/,
    );
    expect(stdout).not.toContain(key.slice(14));
  });

  it('limits a key to its stores, scopes and time', async () => {
    const key = await create('--store', 'harbour');
    expect((await api.post(newAlert({ store: 'harbour' }), bearer(key))).status).toBe(202);
    expect((await api.post(newAlert({ store: 'station' }), bearer(key))).status).toBe(403);
    expect((await fetch(`${api.url}/alerts/retry`, { method: 'POST', headers: bearer(key) })).status).toBe(403);
    const short = await create('--expires', '1h');
    expect(await status(short)).toBe(200);
    await api.db.apiKey.update({ where: { id: idOf(short) }, data: { expiresAt: new Date() } });
    expect((await keys(['list'])).stdout).toMatch(new RegExp(`${idOf(short)}.+ expired`));
    await eventually(async () => (await status(short)) === 401 || undefined);
  });

  it('revokes: the key stops on every replica within 5 seconds', async () => {
    const key = await create();
    expect([await status(key), await status(key, replica)]).toEqual([200, 200]);
    const { stdout } = await keys(['revoke', idOf(key)]);
    expect(stdout).toBe(`Key ${idOf(key)} revoked: every api rejects it within 5 seconds.\n`);
    const revoked = Date.now();
    const stopped = async (at: TestApi) => {
      await eventually(async () => (await status(key, at)) === 401 || undefined);
      return Date.now() - revoked;
    };
    const [here, there] = await Promise.all([stopped(api), stopped(replica)]);
    expect(Math.max(here, there)).toBeLessThan(5_000);
    expect((await keys(['revoke', key])).stdout).toContain('was already revoked');
  });

  it('says with --first nothing where there is a key', async () => {
    await create();
    expect(await keys(['create', '--first', '--name', 'x', '--scope', 'read'])).toMatchObject({ code: 0, stdout: '' });
  });

  it.each([
    [['create'], /--name is required\.\n--scope is required\.\n\nUsage:/],
    [['create', '--name', 'x', '--scope', 'all'], /--scope takes write, read, operate, metrics\./],
    [['create', '--name', 'x', '--scope', 'read', '--expires', 'soon'], /--expires takes 12h, 90d or/],
    [
      ['create', '--name', 'x', '--scope', 'read', '--expires', '2020-01-01T00:00:00Z'],
      /--expires takes .+ a time in the future/,
    ],
    [['create', '--nam', 'x'], /Unknown option '--nam'.+\n[\s\S]*Usage:/],
    [['revoke'], /revoke takes one ID/],
    [['revoke', '0123456789'], /No key has the id 0123456789/],
    [['grant'], /Unknown command grant\./],
  ])('refuses %j with what to do', async (args, told) => {
    const ended = await keys(args);
    expect(ended).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(told) });
  });

  it('tells a database that is missing, away or not migrated in a sentence', async () => {
    expect((await keys(['list'], {})).stderr).toContain('DATABASE_URL: is required and not set');
    const away = await keys(['list'], { DATABASE_URL: 'postgres://u:hush@127.0.0.1:9/alerts' });
    expect(away).toMatchObject({ code: 1, stderr: expect.stringMatching(/database/) });
    expect(away.stderr).not.toMatch(/hush|\n.*at /);
    const empty = await createTestDatabase({ empty: true });
    expect((await keys(['list'], { DATABASE_URL: empty.url })).stderr).toContain('npm run migrate');
    await empty.drop();
  });

  it('shows its usage when asked nothing', async () => {
    expect(await keys([])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Usage: npm run keys -- create/) });
  });
});

describe('a key that is not good', () => {
  it.each([
    ['unknown', `va_0123456789_${'x'.repeat(43)}`],
    ['no key at all', 'hunter2'],
    ['empty', ''],
    ['very long', `va_0123456789_${'x'.repeat(5_000)}`],
  ])('is refused: %s', async (_what, key) => {
    const answer = await fetch(`${api.url}/alerts`, { headers: bearer(key) });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer /);
    expect(await json(answer)).toMatchObject({ type: '/problems/unauthorized' });
  });

  it('is refused with a good id and another secret', async () => {
    const [key, other] = [await create(), await create()];
    expect(await status(`va_${idOf(key)}_${other.slice(14)}`)).toBe(401);
    expect(await status(`${key.slice(0, -2)}AA`)).toBe(401);
  });

  it('costs the database next to nothing, however many are shown', async () => {
    await status(await create());
    loads = 0;
    const unknown = (n: number) => `va_${n.toString(16).padStart(10, '0')}_${'x'.repeat(43)}`;
    const started = Date.now();
    for (let n = 0; n < 600; n += 50) {
      const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => status(unknown(n + i))));
      expect(new Set(answers)).toEqual(new Set([401]));
    }
    expect(loads).toBeLessThanOrEqual(1 + Math.ceil((Date.now() - started) / 500));
  });
});

it('ends with its time, even before the database is asked again', async () => {
  const { id, secret } = makeKey();
  const expiresAt = new Date(Date.now() + 200);
  const sha256 = new Uint8Array(digest(secret));
  const row = {
    id,
    name: 'x',
    sha256,
    scopes: ['read'],
    stores: [],
    createdAt: new Date(),
    expiresAt,
    revokedAt: null,
  };
  const ring = createKeyCache(async () => [row]);
  expect(await ring.clientOf(formatKey({ id, secret }))).toMatchObject({ id });
  await eventually(async () => (await ring.clientOf(formatKey({ id, secret }))) === undefined || undefined);
  expect(Date.now() - expiresAt.getTime()).toBeLessThan(1_000);
});

describe('Basic', () => {
  it('takes the key as password, whatever the name', async () => {
    const key = await create();
    const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });
    expect((await fetch(`${api.url}/alerts`, { headers: basic(`me:${key}`) })).status).toBe(200);
    expect((await fetch(`${api.url}/alerts`, { headers: basic(`:${key}`) })).status).toBe(200);
    expect((await fetch(`${api.url}/alerts`, { headers: basic(`${key}:`) })).status).toBe(401);
  });
});
