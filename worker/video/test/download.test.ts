import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Behaviour } from '#test/harness/video-behaviours.ts';
import { failureOf, openTestVideos } from './test-videos.ts';

const MiB = 1024 * 1024;
const large = randomBytes(3 * MiB + 17);

async function downloadOf(file: string, behaviour: Behaviour, bytes: Buffer, maxBytes = 8 * MiB, timeoutMs = 2_000) {
  await using videos = await openTestVideos({ files: { [file]: bytes }, byteBudget: 64 * 1024, timeoutMs });
  const parts: Uint8Array[] = [];
  const options = {
    ...{ signal: new AbortController().signal, meter: videos.meter, maxBytes },
    write: async (part: Uint8Array) => parts.push(part),
  };
  const size = await videos.reader.download(videos.server.url(file, behaviour), options);
  return { size, bytes: Buffer.concat(parts), parts: parts.length, fetched: videos.meter.bytesFetched };
}

const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('a download', () => {
  it.each<[Behaviour, number]>([
    ['right', 4],
    ['redirect-same', 4],
    ['rangeless', 1],
    ['unsized', 1],
  ])('from a server that is %s has all bytes, beyond the byte budget of an alert', async (behaviour, parts) => {
    const result = await downloadOf('large.bin', behaviour, large);
    expect(result).toMatchObject({ size: large.length, parts });
    expect(result.fetched - large.length).toBeLessThan(100); // the body of a redirect
    expect(hash(result.bytes)).toBe(hash(large));
  });

  it.each([0, 1, MiB, 2 * MiB])('of %i bytes has them all', async (length) => {
    const bytes = randomBytes(length);
    expect((await downloadOf('video', 'right', bytes)).bytes.equals(bytes)).toBe(true);
  });

  it.each<[Behaviour, string]>([
    ['changing', 'VideoServerError'],
    ['truncated', 'VideoServerError'],
    ['short-range', 'VideoServerError'],
    ['reset', 'VideoServerError'],
    ['stalled', 'VideoTimeout'],
    ['missing', 'VideoNotFound'],
    ['redirect-other', 'RedirectRefused'],
    ['endless', 'VideoTooLarge'],
    ['gzip', 'VideoServerError'],
  ])('from a server that is %s fails with %s', async (behaviour, name) => {
    expect(await failureOf(downloadOf('large.bin', behaviour, large))).toMatchObject({ name });
  });

  it.each<Behaviour>(['right', 'rangeless', 'unsized'])('of more than the limit, %s, ends early', async (behaviour) => {
    const failure = await failureOf(downloadOf('large.bin', behaviour, large, MiB));
    expect(failure).toMatchObject({ name: 'VideoTooLarge' });
  });
});
