import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type MediaStore, openMediaStore, type StoredFile } from '../store.ts';

function openStore() {
  const parent = mkdtempSync(join(tmpdir(), 'media test '));
  onTestFinished(() => rmSync(parent, { recursive: true }));
  const folder = join(parent, 'media');
  const store = openMediaStore(pathToFileURL(folder).href, { sources: new Map() });
  onTestFinished(() => store.close());
  return { store, folder };
}

const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function contentOf(store: MediaStore, sha256: string, range?: { start: number; end: number }) {
  const file = await store.open('picture', sha256, range);
  return file && { size: file.size, bytes: await buffer(file.stream) };
}

async function allOf(store: MediaStore, begin?: string): Promise<StoredFile[]> {
  const files = [];
  for await (const file of store.list('picture', begin)) files.push(file);
  return files;
}

describe('the store in a folder', () => {
  it('returns what was stored, whole and in part', async () => {
    const { store, folder } = openStore();
    const bytes = randomBytes(100_000);
    const sha256 = sha256Of(bytes);
    expect(await contentOf(store, sha256)).toBeUndefined();
    expect(await store.size('picture', sha256)).toBeUndefined();
    await store.put('picture', bytes, sha256);
    expect(await contentOf(store, sha256)).toEqual({ size: 100_000, bytes });
    expect(await contentOf(store, sha256, { start: 10, end: 20 })).toEqual({
      size: 100_000,
      bytes: bytes.subarray(10, 20),
    });
    expect((await contentOf(store, sha256, { start: 10, end: 10 }))?.bytes).toHaveLength(0);
    expect(await store.size('picture', sha256)).toBe(100_000);
    const path = `pictures/${sha256.slice(0, 2)}/${sha256.slice(2, 4)}/${sha256}.webp`;
    expect(store.internalPath?.('picture', sha256)).toBe(path);
    expect(statSync(join(folder, path)).mode & 0o777).toBe(0o644);
    expect(statSync(join(folder, 'pictures')).mode & 0o555).toBe(0o555);
    expect(await store.open('copy', sha256)).toBeUndefined();
  });

  it('stores a file of the caller, which stays', async () => {
    const { store, folder } = openStore();
    const bytes = randomBytes(3_000_000);
    const path = `${folder}.mp4`;
    writeFileSync(path, bytes, { mode: 0o600 });
    await store.put('copy', { path }, sha256Of(bytes));
    const file = await store.open('copy', sha256Of(bytes));
    expect(file && sha256Of(await buffer(file.stream))).toBe(sha256Of(bytes));
    expect(existsSync(path)).toBe(true);
    expect(statSync(join(folder, `${store.internalPath?.('copy', sha256Of(bytes))}`)).mode & 0o777).toBe(0o644);
  });

  it('lists and deletes files, and ignores others', async () => {
    const { store, folder } = openStore();
    expect(await allOf(store)).toEqual([]);
    const files = [randomBytes(10), randomBytes(20), randomBytes(30)];
    for (const bytes of files) await store.put('picture', bytes, sha256Of(bytes));
    writeFileSync(join(folder, 'pictures', 'notes.webp'), 'x');
    writeFileSync(join(folder, 'pictures', `${'0'.repeat(64)}.webp`), 'not in its folder');
    const expected = files.map((bytes) => ({
      sha256: sha256Of(bytes),
      bytes: bytes.length,
      modifiedAt: expect.any(Date),
    }));
    expect((await allOf(store)).toSorted((a, b) => a.bytes - b.bytes)).toEqual(expected);
    const begin = sha256Of(files[0] ?? Buffer.of()).slice(0, 2);
    const begun = expected.filter(({ sha256 }) => sha256.startsWith(begin));
    expect(await allOf(store, begin)).toHaveLength(begun.length);
    for (const bytes of files) await store.remove('picture', sha256Of(bytes));
    await store.remove('picture', sha256Of(randomBytes(1)));
    expect(await allOf(store)).toEqual([]);
  });

  it('makes a file new that is stored again', async () => {
    const { store, folder } = openStore();
    const bytes = randomBytes(10);
    await store.put('picture', bytes, sha256Of(bytes));
    const path = join(folder, `${store.internalPath?.('picture', sha256Of(bytes))}`);
    utimesSync(path, new Date(0), new Date(0));
    expect((await allOf(store))[0]?.modifiedAt).toEqual(new Date(0));
    await store.put('picture', bytes, sha256Of(bytes));
    expect((await allOf(store))[0]?.modifiedAt.getTime()).toBeGreaterThan(Date.now() - 60_000);
  });

  it('replaces a file of another size, such as one that a power failure has cut', async () => {
    const { store, folder } = openStore();
    const bytes = randomBytes(10);
    await store.put('picture', bytes, sha256Of(bytes));
    writeFileSync(join(folder, `${store.internalPath?.('picture', sha256Of(bytes))}`), 'cut');
    await store.put('picture', bytes, sha256Of(bytes));
    expect((await contentOf(store, sha256Of(bytes)))?.bytes).toEqual(bytes);
  });

  it.each(['', '../../../etc/passwd', 'A'.repeat(64), `${'a'.repeat(64)}\n`, `${'a'.repeat(62)}/.`])(
    'refuses the name %j',
    async (name) => {
      const { store } = openStore();
      await expect(store.open('picture', name)).rejects.toThrow(RangeError);
      await expect(store.put('picture', randomBytes(1), name)).rejects.toThrow(RangeError);
      await expect(store.remove('picture', name)).rejects.toThrow(RangeError);
    },
  );

  it('reports that it cannot be written to', async () => {
    const { folder } = openStore();
    writeFileSync(folder, 'a file');
    const store = openMediaStore(pathToFileURL(folder).href, { sources: new Map() });
    await expect(store.check()).rejects.toThrow(`cannot write to the folder ${folder} of MEDIA_URL`);
  });

  it.skipIf(process.getuid?.() === 0)('explains missing permissions', async () => {
    const { store, folder } = openStore();
    await store.check();
    chmodSync(join(folder, 'unfinished'), 0o500);
    await expect(store.check()).rejects.toThrow('no permission');
  });

  it('deletes what was abandoned for an hour', async () => {
    const { store, folder } = openStore();
    await store.check();
    for (const name of ['old', 'new']) writeFileSync(join(folder, 'unfinished', name), 'x');
    utimesSync(join(folder, 'unfinished', 'old'), new Date(0), new Date(0));
    await store.check();
    expect(readdirSync(join(folder, 'unfinished'))).toEqual(['new']);
  });
});

/** Stores files of 4 MB one after another, and prints the SHA-256 of each before it starts. */
const WRITER = `
  import { createHash, randomBytes } from 'node:crypto';
  import { writeSync } from 'node:fs';
  import { openMediaStore } from '#media/store.ts';
  const store = openMediaStore(process.argv[1], { sources: new Map() });
  for (;;) {
    const bytes = randomBytes(4_000_000);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    writeSync(1, sha256 + '\\n');
    await store.put('picture', bytes, sha256);
  }`;

function startWriter(folder: string): ChildProcess {
  const cwd = new URL('../..', import.meta.url);
  const args = ['--input-type=module-typescript', '-e', WRITER, pathToFileURL(folder).href];
  return spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
}

describe('a process that is killed while it stores a file', () => {
  it('leaves a whole file or none', async () => {
    const { store, folder } = openStore();
    const started = new Set<string>();
    let unfinished = 0;
    for (let round = 0; round < 5; round += 1) {
      const writer = startWriter(folder);
      const inFolder = () =>
        existsSync(join(folder, 'unfinished')) ? readdirSync(join(folder, 'unfinished')).length : 0;
      const before = inFolder();
      writer.stdout?.on('data', (chunk) => {
        for (const line of `${chunk}`.trim().split('\n')) started.add(line);
      });
      // Between the temporary file and the rename.
      await expect.poll(inFolder, { interval: 1, timeout: 150_000 }).toBeGreaterThan(before);
      writer.kill('SIGKILL');
      await once(writer, 'close');
      unfinished = Math.max(unfinished, inFolder());
    }
    expect(unfinished).toBeGreaterThan(0);
    for (const { sha256, bytes } of await allOf(store)) {
      expect(started).toContain(sha256);
      expect(bytes).toBe(4_000_000);
      expect(sha256Of((await contentOf(store, sha256))?.bytes ?? Buffer.of())).toBe(sha256);
    }
  });
});
