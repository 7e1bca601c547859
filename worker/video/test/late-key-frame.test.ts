import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { findTestProgram } from '#test/harness/system-packages.ts';
import { probe } from '../probe.ts';
import { withHeaderSize } from './corpus/unusual-avi.ts';
import { withEntrySize, withoutParameterSets } from './corpus/unusual-mp4.ts';
import { openTestVideos } from './test-videos.ts';

const run = promisify(execFile);
const ffmpeg = await findTestProgram({ commands: ['ffmpeg'], aptPackage: 'ffmpeg' }, process.env);
const options = { timeoutMs: 30_000, signal: new AbortController().signal };

/** A video of 100 frames whose second key frame comes after over 64 kB; the first one is dropped. */
async function make(name: string, ...args: string[]): Promise<Buffer> {
  if ('missing' in ffmpeg) throw new Error(ffmpeg.missing);
  const folder = await mkdtemp(join(tmpdir(), 'late-key-frame-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const input = ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=25:duration=4'];
  const encode = ['-c:v', 'libx264', '-preset', 'ultrafast', '-bf', '0', '-g', '50', '-pix_fmt', 'yuv420p'];
  await run(ffmpeg.path, [...input, ...encode, ...args, join(folder, name)]);
  return readFile(join(folder, name));
}

async function probed(bytes: Buffer) {
  await using videos = await openTestVideos({ files: { video: bytes } });
  const { facts, path } = await probe(await videos.open('video'), options);
  return { path, resolution: facts.resolution, bytesFetched: videos.meter.bytesFetched };
}

/** The first chunk of frames becomes unused bytes. */
function withoutFirstFrame(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy.write('JUNK', copy.indexOf('00dc', copy.indexOf('movi')));
  return copy;
}

describe.skipIf('missing' in ffmpeg)('a recording that begins between two key frames', () => {
  it('of a short AVI is read up to the next one', async () => {
    const bytes = withHeaderSize(704, 360)(withoutFirstFrame(await make('a.avi')));
    expect(await probed(bytes)).toMatchObject({ path: 'full_file', resolution: '640x360' });
  });

  it('of a long AVI is read up to the next one', async () => {
    const bytes = withHeaderSize(704, 360)(withoutFirstFrame(await make('a.avi')));
    const { bytesFetched, ...result } = await probed(Buffer.concat([bytes, Buffer.alloc(6_000_000)]));
    expect(result).toMatchObject({ path: 'ffprobe', resolution: '640x360' });
    expect(bytesFetched).toBeLessThan(2 * 1024 * 1024);
  });

  it('with parameter sets in its frames only: of a long mp4', async () => {
    const made = await make('a.mp4', '-tag:v', 'avc3', '-bsf:v', 'dump_extra=freq=keyframe');
    const wrong = withEntrySize('avc3', 704, 360)(withoutParameterSets('avc3')(made));
    // The parameter sets of the first key frame.
    wrong.fill(0x0c, wrong.indexOf('mdat') + 8, wrong.indexOf('mdat') + 4000);
    const { bytesFetched, ...result } = await probed(Buffer.concat([wrong, Buffer.alloc(6_000_000)]));
    expect(result).toMatchObject({ path: 'ffprobe', resolution: '640x360' });
    expect(bytesFetched).toBeLessThan(2 * 1024 * 1024);
  });
});
