import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VideoError, VideoTimeout, VideoUnreadable } from '../../errors.ts';
import { ALLOWED_DECODERS } from '../ffprobe/codecs.ts';
import { probeWithFfprobe } from '../ffprobe/probe.ts';
import { failureOf, fixture, openTestVideos } from './test-videos.ts';

let folder: string;
let temporaryFolder: string;
const signal = new AbortController().signal;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ffprobe-test-'));
  temporaryFolder = join(folder, 'temporary');
  await mkdir(temporaryFolder);
});

afterEach(async () => {
  const remaining = await readdir(temporaryFolder);
  await rm(folder, { recursive: true });
  expect(remaining).toEqual([]);
});

/** Writes a program to use instead of ffprobe; it may write into the test's folder, `$folder`. */
async function fakeFfprobe(script: string): Promise<string> {
  const path = join(folder, 'ffprobe');
  await writeFile(path, `#!/bin/sh\nfolder='${folder}'\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

/** An AVI much longer than its head. */
const avi = Buffer.concat([fixture('mpeg4.avi'), Buffer.alloc(1_000_000)]);
avi.writeUInt32LE(avi.length - 8, 4);

async function probeAvi({ ffprobePath, timeoutMs = 30_000 }: { ffprobePath?: string; timeoutMs?: number }) {
  await using videos = await openTestVideos({ files: { 'mpeg4.avi': avi } });
  const options = { ffprobePath, timeoutMs, signal, temporaryFolder };
  return (await probeWithFfprobe(await videos.open('mpeg4.avi'), 'avi', options)).facts;
}

describe('ffprobe', () => {
  it('leaves no file behind', async () => {
    expect(await probeAvi({})).toMatchObject({ resolution: '320x240' });
  });

  it('gets a private file of the true size, one demuxer, one protocol, and no environment', async () => {
    const printed =
      '{"streams":[{"codec_type":"video","codec_name":"mpeg4","width":2,"height":4,"pix_fmt":"yuv420p"}]}';
    const ffprobePath = await fakeFfprobe(`
      /usr/bin/env > $folder/env; echo "$@" > $folder/args
      /usr/bin/stat -c '%a %s' . video > $folder/files; echo '${printed}'`);
    expect(await probeAvi({ ffprobePath })).toMatchObject({ resolution: '2x4', rotation: 0, duration: null });
    const written = async (name: string) => (await readFile(join(folder, name), 'utf8')).trim();
    expect(await written('args')).toBe(
      `-v error -of json -show_streams -show_format -probesize 16384 -protocol_whitelist file -format_whitelist avi -f avi -codec_whitelist ${ALLOWED_DECODERS.join(',')} -i file:video`,
    );
    expect(await written('files')).toMatch(new RegExp(`^700 .*\n600 ${avi.length}$`));
    // Except the variables that the shell sets.
    expect((await written('env')).split('\n').filter((line) => !/^(PWD|OLDPWD|SHLVL|_)=/.test(line))).toEqual([]);
  });

  it('is killed with its children after the timeout', async () => {
    const ffprobePath = await fakeFfprobe(
      '/bin/sleep 600 & echo $! > $folder/number; /bin/mv $folder/number $folder/child; wait',
    );
    const error = await failureOf(probeAvi({ ffprobePath, timeoutMs: 2000 }));
    expect(error).toBeInstanceOf(VideoTimeout);
    await expect.poll(() => hasEnded(join(folder, 'child')), { timeout: 150_000 }).toBe(true);
  });

  it('is killed with its children by the signal', async () => {
    const ffprobePath = await fakeFfprobe(
      '/bin/sleep 600 & echo $! > $folder/number; /bin/mv $folder/number $folder/child; wait',
    );
    await using videos = await openTestVideos();
    const controller = new AbortController();
    const video = await videos.open('mpeg4.avi');
    const failure = failureOf(
      probeWithFfprobe(video, 'avi', { ffprobePath, timeoutMs: 60_000, signal: controller.signal, temporaryFolder }),
    );
    await expect.poll(() => readdir(folder), { interval: 10, timeout: 150_000 }).toContain('child');
    const reason = new Error('shutdown');
    controller.abort(reason);
    expect(await failure).toBe(reason);
    await expect.poll(() => hasEnded(join(folder, 'child')), { timeout: 150_000 }).toBe(true);
  });

  it('is stopped when it prints endlessly', async () => {
    const error = await failureOf(probeAvi({ ffprobePath: await fakeFfprobe('exec /usr/bin/yes') }));
    expect(error).toBeInstanceOf(VideoUnreadable);
  });

  it('that crashes makes the video unreadable', async () => {
    const error = await failureOf(probeAvi({ ffprobePath: await fakeFfprobe('kill -SEGV $$') }));
    expect(error).toBeInstanceOf(VideoUnreadable);
    expect(error).toHaveProperty('message', 'ffprobe crashed on the file (SIGSEGV)');
  });

  it.each([
    ['is missing', async () => join(folder, 'nowhere')],
    ['is not a program', async () => temporaryFolder],
    ['is killed from outside', async () => fakeFfprobe('kill -KILL $$')],
    ['prints no JSON', async () => fakeFfprobe('echo hello')],
    ['prints other JSON', async () => fakeFfprobe(`echo '{"streams":[{"width":"wide"}]}'`)],
  ])('that %s does not make the video unreadable', async (_, path) => {
    const error = await failureOf(probeAvi({ ffprobePath: await path() }));
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(VideoError);
  });

  it('that cannot be run is named in the error', async () => {
    const path = join(folder, 'nowhere');
    const error = await failureOf(probeAvi({ ffprobePath: path }));
    expect(error).toHaveProperty('message', `cannot run ffprobe: ${path}`);
    expect(error).toHaveProperty('cause.message', expect.stringContaining('not found'));
    // The worker recognizes failures of its environment by this property.
    expect(error).toHaveProperty('cause.syscall', 'exec');
  });

  it('has its error output as the cause, without control characters', async () => {
    const ffprobePath = await fakeFfprobe(`printf 'bad \\033[31m\\nvideo' >&2; exit 1`);
    const error = await failureOf(probeAvi({ ffprobePath }));
    expect(error).toBeInstanceOf(VideoUnreadable);
    expect(error).toHaveProperty('cause.message', 'bad [31m video');
  });

  it('yields the first video stream that is not a cover', async () => {
    const streams = [
      { codec_type: 'audio', codec_name: 'aac', width: 8, height: 8 },
      { codec_type: 'video', codec_name: 'mjpeg', width: 64, height: 64, disposition: { attached_pic: 1 } },
      { codec_type: 'video', codec_name: 'h264', width: 4, height: 2, disposition: { attached_pic: 0 } },
      { codec_type: 'video', codec_name: 'h264', width: 16, height: 16 },
    ];
    const ffprobePath = await fakeFfprobe(`echo '${JSON.stringify({ streams })}'`);
    expect(await probeAvi({ ffprobePath })).toMatchObject({ resolution: '4x2', codec: 'h264' });
  });

  it('treats a matrix without an angle as no rotation', async () => {
    const stream =
      '{"codec_type":"video","codec_name":"h264","width":4,"height":2,"side_data_list":[{"rotation":-9223372036854775808}]}';
    const ffprobePath = await fakeFfprobe(`echo '{"streams":[${stream}]}'`);
    expect(await probeAvi({ ffprobePath })).toMatchObject({ resolution: '4x2', rotation: 0 });
  });
});

/** Whether the process whose pid is in `file` has ended; one that was killed may not be reaped yet. */
async function hasEnded(file: string): Promise<boolean> {
  const stat = join('/proc', (await readFile(file, 'utf8')).trim(), 'stat');
  const state = await readFile(stat, 'utf8').catch(() => ') Z');
  return /\) [ZX]/.test(state);
}
