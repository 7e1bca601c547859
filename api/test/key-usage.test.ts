import { expect, it, onTestFinished } from 'vitest';
import { addKey, listKeys, markKeyUsed, validKeys } from '#prisma/keys.ts';
import { runCommand } from '#test/harness/run-command.ts';
import { digest, formatKey, makeKey } from '../auth/key.ts';
import { createKeyAuth } from '../auth/key-auth.ts';
import { createKeyCache } from '../auth/key-cache.ts';
import { createKeyUsage } from '../auth/key-usage.ts';
import { POLL, startTestApi } from './test-api.ts';

it('the list of keys shows when each was last used', async () => {
  const writes: string[] = [];
  const api = await startTestApi({
    auth: (db) =>
      createKeyAuth(
        createKeyCache(() => validKeys(db)),
        async () => {},
        undefined,
        createKeyUsage((id) => {
          writes.push(id);
          return markKeyUsed(db, id);
        }),
      ),
  });
  onTestFinished(api.close);
  const [used, unused] = [makeKey(), makeKey()];
  for (const { id, secret } of [used, unused]) {
    const sha256 = new Uint8Array(digest(secret));
    await addKey(api.db, { id, name: 'test', sha256, scopes: ['read'], stores: [], expiresAt: null });
  }
  const read = (key: string) => fetch(`${api.url}/alerts`, { headers: { authorization: `Bearer ${key}` } });
  for (let n = 0; n < 3; n += 1) expect((await read(formatKey(used))).status).toBe(200);
  expect((await read(formatKey({ ...unused, secret: used.secret }))).status).toBe(401);
  const lastUse = async (id: string) => (await listKeys(api.db)).find((key) => key.id === id)?.lastUsedAt;
  await expect.poll(() => lastUse(used.id), POLL).toBeInstanceOf(Date);
  expect([await lastUse(unused.id), writes]).toEqual([null, [used.id]]);
  const { out } = await runCommand('api/auth/keys-cli.ts', ['list'], { DATABASE_URL: api.databaseUrl });
  const rows = out.split('\n').map((line) => line.split(/ {2,}/));
  const column = rows[0]?.indexOf('last used') ?? -1;
  const cell = (id: string) => rows.find(([first]) => first === id)?.[column];
  expect(cell(used.id)).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d$/);
  expect(cell(unused.id)).toBe('never');
});

it('the use of a key is written once a minute, and again after a failure', async () => {
  let failing = true;
  const writes: string[] = [];
  const markUsed = createKeyUsage(async (id) => {
    writes.push(id);
    if (failing) throw new Error('unavailable');
  });
  markUsed('a');
  await new Promise(setImmediate);
  failing = false;
  for (const id of ['a', 'a', 'b', 'b']) markUsed(id);
  expect(writes).toEqual(['a', 'a', 'b']);
});
