import { execFile } from 'node:child_process';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MediaStore, openMediaStore } from '#media/store.ts';
import { addPending, claim, recordResolution } from '#prisma/alerts.ts';
import { claimCopy, recordCopy, recordNoCopy, renewCopy } from '#prisma/copies.ts';
import { addKey } from '#prisma/keys.ts';
import { compileCache } from '#test/harness/process.ts';
import { digest, formatKey, makeKey } from '../../auth/key.ts';
import { createKey, keyAuth } from '../../test/browser.ts';
import { json, startTestApi, type TestApi } from '../../test/test-api.ts';

let api: TestApi;
let store: MediaStore;
let folder: string;
let operator: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'copies-'));
  store = openMediaStore(pathToFileURL(folder).href, { sources: new Map() });
  api = await startTestApi({ auth: keyAuth, media: { store } });
  operator = await createKey(api.db, 'read', 'operate');
});
afterAll(async () => {
  await api.close();
  await rm(folder, { recursive: true });
});

type Facts = { container?: string; codec?: string; store?: string; status?: 'pending' | 'processed'; days?: number };

/** Returns the uuid of a new alert. */
async function alert({ container = 'avi', codec = 'mpeg4', status = 'processed', ...more }: Facts = {}) {
  const uuid = randomUUID();
  await addPending(api.db, { uuid, video: `/a.${container}`, store: more.store ?? 'a', timestamp: 1, requestId: 'r' });
  if (status === 'pending') return uuid;
  const claimed = await claim(api.db, uuid);
  if (claimed.kind !== 'claimed') throw new Error(claimed.kind);
  const facts = { resolution: '2x1', width: 2, height: 1, rotation: 0, codec, container, duration: 1 };
  await recordResolution(api.db, { uuid, claim: claimed.alert.claims }, facts, 1);
  await api.db.$executeRaw`
    UPDATE alerts SET received_at = now() - make_interval(days => ${more.days ?? 0}::int) WHERE uuid = ${uuid}::uuid`;
  return uuid;
}

type Init = { method?: string; key?: string; query?: string; headers?: Record<string, string> };
const copy = (uuid: string, { key = operator, query = '', headers, ...init }: Init = {}) =>
  fetch(`${api.url}/alerts/${uuid}/copy${query}`, { ...init, headers: { authorization: `Bearer ${key}`, ...headers } });
const post = (uuid: string, init: Init = {}) => copy(uuid, { method: 'POST', ...init });

/** Does what a worker does for the copy that is due. */
async function claimed() {
  const found = await claimCopy(api.db, 60_000);
  if (!found) throw new Error('no copy is due');
  return found;
}

async function makeCopy(bytes: Uint8Array = randomBytes(10_000)): Promise<Uint8Array> {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  await store.put('copy', bytes, sha256);
  await recordCopy(api.db, await claimed(), { sha256, width: 640, height: 360, bytes: bytes.length });
  return bytes;
}

describe('POST /alerts/:uuid/copy', () => {
  it('requests a copy once, reports its progress, and then has it', async () => {
    const uuid = await alert();
    const first = await post(uuid);
    expect(first.status).toBe(202);
    expect(Object.fromEntries(first.headers)).toMatchObject({ location: `/alerts/${uuid}/copy`, 'retry-after': '1' });
    expect(await json(first)).toMatchObject({ status: 'pending', progress: 0, bytes: null, archive: false });
    expect((await post(uuid)).status).toBe(202);
    const job = await claimed();
    expect(job.alert.uuid).toBe(uuid);
    await renewCopy(api.db, job, { leaseMs: 60_000, progress: 0.25 });
    const pending = await copy(uuid);
    expect(pending.status).toBe(202);
    expect(pending.headers.get('cache-control')).toBe('no-store');
    expect(await json(pending)).toMatchObject({ status: 'pending', progress: 0.25 });
    await api.db.copy.updateMany({ data: { nextAttemptAt: new Date(0) } });
    await makeCopy();
    const again = await post(uuid);
    expect(again.status).toBe(200);
    expect(await json(again)).toMatchObject({ status: 'ready', progress: 1, width: 640, height: 360, bytes: 10_000 });
  });

  it('refuses what browsers play, except with force', async () => {
    const uuid = await alert({ container: 'mp4', codec: 'h264' });
    const refused = await post(uuid);
    expect(refused.status).toBe(409);
    expect(await json(refused)).toMatchObject({ type: '/problems/copy-not-needed', video: '/a.mp4', source: null });
    expect((await copy(uuid)).status).toBe(404);
    expect((await post(uuid, { query: '?force=true' })).status).toBe(202);
    await makeCopy();
    expect((await post(uuid)).status).toBe(200);
    expect((await post(uuid, { query: '?force=maybe' })).status).toBe(422);
  });

  it('needs a processed alert, the scope operate and the alert’s store', async () => {
    const pending = await post(await alert({ status: 'pending' }));
    expect(pending.status).toBe(409);
    expect(await json(pending)).toMatchObject({ type: '/problems/copy-not-possible', status_now: 'pending' });
    const uuid = await alert();
    expect((await post(randomUUID())).status).toBe(404);
    expect((await post('x')).status).toBe(422);
    expect((await post(uuid, { key: await createKey(api.db, 'read') })).status).toBe(403);
    const other = makeKey();
    const sha256 = new Uint8Array(digest(other.secret));
    await addKey(api.db, {
      id: other.id,
      name: 'b',
      sha256,
      scopes: ['read', 'operate'],
      stores: ['b'],
      expiresAt: null,
    });
    expect((await post(uuid, { key: formatKey(other) })).status).toBe(404);
    expect((await copy(uuid, { key: formatKey(other) })).status).toBe(404);
    expect((await copy(uuid, { method: 'DELETE' })).headers.get('allow')).toContain('GET, POST');
    expect(await api.db.copy.count({ where: { alert: { uuid } } })).toBe(0);
  });
});

describe('GET /alerts/:uuid/copy', () => {
  it('sends the file, ranges of it, and 304', async () => {
    const uuid = await alert();
    await post(uuid);
    const bytes = await makeCopy();
    await api.db.$executeRaw`UPDATE copies SET last_used_at = now() - interval '1 hour'`;
    const whole = await copy(uuid);
    expect(whole.status).toBe(200);
    expect(Buffer.from(await whole.arrayBuffer()).equals(bytes)).toBe(true);
    const etag = whole.headers.get('etag') ?? '';
    expect(Object.fromEntries(whole.headers)).toMatchObject({
      ...{ 'content-type': 'video/mp4', 'accept-ranges': 'bytes', 'content-length': '10000' },
      'cache-control': 'private, max-age=31536000, immutable',
    });
    const part = await copy(uuid, { headers: { range: 'bytes=100-199' } });
    expect(part.status).toBe(206);
    expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(100, 200))).toBe(true);
    expect((await copy(uuid, { headers: { range: 'bytes=20000-' } })).status).toBe(416);
    expect((await copy(uuid, { headers: { 'if-none-match': etag } })).status).toBe(304);
    const head = await copy(uuid, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '10000']);
    // It is used.
    const { lastUsedAt } = await api.db.copy.findFirstOrThrow({ where: { alert: { uuid } } });
    expect(Date.now() - lastUsedAt.getTime()).toBeLessThan(1_800_000);
  });

  it('has the reason why there is none', async () => {
    const uuid = await alert();
    expect(await json(await copy(uuid))).toMatchObject({ status: 404, status_now: 'none', reason: 'disabled' });
    await post(uuid);
    await recordNoCopy(api.db, await claimed(), { reason: 'too_long', detail: 'the video has 700 s' });
    const none = await copy(uuid);
    expect(none.status).toBe(404);
    expect(await json(none)).toMatchObject({
      ...{ type: '/problems/copy-not-available', reason: 'too_long', detail: 'the video has 700 s' },
    });
    expect((await post(uuid)).status).toBe(202);
  });

  it('lets a copy be made again whose file is lost', async () => {
    const uuid = await alert();
    await post(uuid);
    const bytes = await makeCopy();
    await store.remove('copy', createHash('sha256').update(bytes).digest('hex'));
    const lost = await copy(uuid);
    expect(lost.status).toBe(202);
    expect(await json(lost)).toMatchObject({ status: 'pending', progress: 0 });
    await makeCopy(bytes);
    expect((await copy(uuid)).status).toBe(200);
  });
});

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

it('returns the state instead of the file, also of a copy that does not exist, if JSON is accepted', async () => {
  const uuid = await alert();
  const headers = { accept: 'application/json' };
  const none = await copy(uuid, { headers });
  expect([none.status, none.headers.get('vary')]).toEqual([200, expect.stringContaining('Accept')]);
  expect(await json(none)).toMatchObject({ status: 'none', reason: 'disabled', requested_at: null });
  await post(uuid);
  expect((await copy(uuid, { headers })).status).toBe(202);
  await recordNoCopy(api.db, await claimed(), { reason: 'too_long', detail: 'it lasts two days' });
  const failed = await json(await copy(uuid, { headers }));
  expect(failed).toMatchObject({ status: 'none', reason: 'too_long', detail: 'it lasts two days' });
});
