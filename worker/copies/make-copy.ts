import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isPlayable } from '#media/playable.ts';
import type { ClaimedCopy, CopyFile } from '#prisma/copies.ts';
import { VideoTooLarge } from '../errors.ts';
import { demuxerOf } from '../video/ffprobe/probe.ts';
import { probe } from '../video/probe.ts';
import type { VideoSources } from '../video/sources.ts';
import type { OpenVideo } from '../video/types.ts';
import { CopyError } from './error.ts';
import { COPY, type Converter, convert, ORIGINAL } from './ffmpeg.ts';

export type CopyLimits = {
  /** Of the original, and of the copy. */
  maxBytes: number;
  maxSeconds: number;
  /** Of the download and the conversion together. */
  timeoutMs: number;
};

export type MakeCopyDeps = { sources: Pick<VideoSources, 'download'>; converter: Converter; limits: CopyLimits };

type MakeCopyOptions = {
  folder: string;
  signal: AbortSignal;
  /** Receives numbers from 0 to 1. */
  onProgress: (progress: number) => void;
};

/** The download is a fifth of the progress. */
const DOWNLOADED = 0.2;

/**
 * Downloads the video of a claimed copy into the folder, and makes the copy there. Throws CopyError for a video of which
 * there can be none, a VideoError, the signal's reason, or another error if the system prevents it.
 */
export async function makeCopy(
  { sources, converter, limits }: MakeCopyDeps,
  { alert, archive }: Pick<ClaimedCopy, 'alert' | 'archive'>,
  { folder, signal, onProgress }: MakeCopyOptions,
): Promise<CopyFile & { path: string }> {
  const { maxBytes, maxSeconds } = limits;
  const { container, duration } = alert;
  if (duration !== null && duration > maxSeconds) {
    throw new CopyError('too_long', `the video has ${Math.round(duration)} s, and the limit is ${maxSeconds} s`);
  }
  const demuxer = container === null ? undefined : demuxerOf(container);
  if (demuxer === undefined) throw new CopyError('decoder_failed', 'the format of the video is unknown');
  const size = await download(sources, alert, { folder, signal, maxBytes, onProgress });
  await convert(converter, {
    ...{ folder, demuxer, archive, maxSeconds, signal },
    onProgress: (seconds) =>
      onProgress(DOWNLOADED + (1 - DOWNLOADED) * (duration ? Math.min(1, seconds / duration) : 0)),
  });
  const copy = await describe(join(folder, COPY), signal);
  if (archive && copy.bytes >= size && isPlayable(alert)) {
    throw new CopyError('playable', `the copy has ${copy.bytes} bytes and the original, which browsers play, ${size}`);
  }
  return copy;
}

type Download = Omit<MakeCopyOptions, 'folder'> & { folder: string; maxBytes: number };

async function download(
  sources: MakeCopyDeps['sources'],
  alert: ClaimedCopy['alert'],
  { folder, signal, maxBytes, onProgress }: Download,
): Promise<number> {
  await using file = await open(join(folder, ORIGINAL), 'wx', 0o600);
  let written = 0;
  try {
    return await sources.download(alert, {
      signal,
      maxBytes,
      async write(part, size) {
        await file.writeFile(part);
        written += part.length;
        onProgress((DOWNLOADED * written) / size);
      },
    });
  } catch (error) {
    if (error instanceof VideoTooLarge) throw new CopyError('too_large', error.message, { cause: error });
    throw error;
  }
}

/** Reads the copy as the video of an alert is read. Throws an error that is not about the video if it is not readable. */
async function describe(path: string, signal: AbortSignal): Promise<CopyFile & { path: string }> {
  // The program that has written it may be under the control of a hostile video.
  if (!(await lstat(path)).isFile()) throw new CopyError('decoder_failed', 'the copy is not a file');
  await using file = await open(path, 'r');
  const { size: bytes } = await file.stat();
  const { facts } = await probe(localVideo(path, file, bytes), { timeoutMs: 10_000, signal }).catch((cause) => {
    throw new Error('ffmpeg made a file that is not readable', { cause });
  });
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  const { width, height } = facts;
  return { path, sha256: hash.digest('hex'), width, height, bytes };
}

function localVideo(path: string, file: FileHandle, size: number): OpenVideo {
  return {
    ...{ url: pathToFileURL(path), size, bytesFetched: 0, requests: 0 },
    async read(start, end) {
      const bytes = new Uint8Array(Math.max(0, Math.min(end, size) - start));
      const { bytesRead } = await file.read(bytes, 0, bytes.length, start);
      return bytes.subarray(0, bytesRead);
    },
  };
}
