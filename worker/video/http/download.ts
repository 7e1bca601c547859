import { VideoServerError, VideoTooLarge } from '../../errors.ts';
import type { Meter } from '../types.ts';
import type { VideoClient } from './client.ts';
import { requestRange } from './range-request.ts';
import { discardBody, type RangeResponse, readExactly } from './range-response.ts';

/** The timeouts are per request: a server that sends 35 kB/s is fast enough. */
const PART_BYTES = 1024 * 1024;
/** A server without range support sends all of the video, which is then in memory. */
const MAX_WHOLE_BYTES = 32 * 1024 * 1024;

export type DownloadOptions = {
  signal: AbortSignal;
  meter?: Meter;
  maxBytes: number;
  /** Receives the video, one part after the other. */
  write(part: Uint8Array, size: number): Promise<unknown>;
};

/**
 * Downloads a whole video, part by part, and returns its size. Throws a VideoError, the signal's reason, or any error of
 * `write`.
 */
export async function download(client: VideoClient, url: URL, options: DownloadOptions): Promise<number> {
  const { signal, meter = { bytesFetched: 0, requests: 0 }, maxBytes, write } = options;
  let first: RangeResponse | undefined;
  for (let at = 0; ; ) {
    const end = Math.min(at + PART_BYTES, first?.size ?? maxBytes + 1);
    const range = await requestRange(client, { url: first?.url ?? url, start: at, end, meter, signal });
    const error = errorOf(range, first, maxBytes);
    if (error || range.size === 0) {
      await discardBody(range.response, signal);
      if (error) throw error;
      return 0;
    }
    const part = range.whole
      ? await readWhole(range, maxBytes)
      : await readExactly(range.response, rangeEnd(range, end) - at);
    const size = range.size ?? part.length;
    await write(part, size);
    at += part.length;
    if (at >= size) return size;
    first ??= range;
  }
}

function rangeEnd({ size }: RangeResponse, end: number): number {
  return Math.min(end, size ?? end);
}

function errorOf(range: RangeResponse, first: RangeResponse | undefined, maxBytes: number): Error | undefined {
  const { size, version, whole } = range;
  const hasChanged = first && (whole || size !== first.size || version !== first.version);
  if (hasChanged) return new VideoServerError('the video changed while it was read');
  if (size !== undefined && size > maxBytes) {
    return new VideoTooLarge(`the video has ${size} bytes, and the limit is ${maxBytes}`);
  }
  return undefined;
}

async function readWhole({ size, response }: RangeResponse, maxBytes: number): Promise<Buffer> {
  const limit = Math.min(maxBytes, MAX_WHOLE_BYTES);
  const tooLarge = () =>
    new VideoTooLarge(`the video server supports no ranges, and the video has more than ${limit} bytes`);
  if (size !== undefined && size > limit) {
    await response.read(0);
    throw tooLarge();
  }
  const bytes = await response.read(limit);
  if (bytes.length > limit) throw tooLarge();
  if (size !== undefined && bytes.length !== size) {
    throw new VideoServerError('the video server sent another number of bytes than Content-Length announces');
  }
  return bytes;
}
