import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { detectDecoder } from '../decoder.ts';
import { testDecoder } from './pictures.ts';

const installed = await testDecoder();
const folder = await mkdtemp(join(tmpdir(), 'decoder-test-'));
afterAll(() => rm(folder, { recursive: true }));

async function fakeFfmpeg(script: string): Promise<string> {
  const path = join(await mkdtemp(join(folder, 'program-')), 'ffmpeg');
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

describe('detectDecoder', () => {
  it.skipIf(installed === undefined)('finds ffmpeg on the PATH, but not in a relative folder', async () => {
    const path = installed?.ffmpegPath ?? '';
    const found = await detectDecoder(undefined, `.:${folder}:${join(path, '..')}`);
    expect(found).toMatchObject({ ffmpegPath: path, version: expect.stringMatching(/^\S+$/) });
    if ('missing' in found) return;
    expect(found.sandbox.restricted).toEqual(expect.arrayContaining(['memory', 'cpu']));
  });

  it.each([
    ['is not installed', async () => undefined, /^ffmpeg is not installed: .*apt-get install ffmpeg.*FFMPEG_PATH$/],
    ['does not exist', async () => join(folder, 'nowhere'), /nowhere does not run/],
    ['is another program', () => fakeFfmpeg('echo hello'), /is not ffmpeg/],
    ['fails', () => fakeFfmpeg('echo broken >&2; exit 1'), /does not run \(broken\)/],
    ['has no encoder', () => fakeFfmpeg('echo ffmpeg version 9 x'), /lacks h264, .*libwebp/],
  ])('says what to do if ffmpeg %s', async (_, path, message) => {
    const found = await detectDecoder(await path(), folder);
    expect(found).toEqual({ missing: expect.stringMatching(message) });
  });
});
