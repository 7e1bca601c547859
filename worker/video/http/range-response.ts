import { type VideoError, VideoServerError } from '../../errors.ts';
import { failureOfStatus } from './failures.ts';
import type { VideoResponse } from './response-handler.ts';

/** Up to this length an unwanted body is read to its end, which keeps the connection for the next request. */
const shortBodyBytes = 4096;

/** A valid response to a range request. Its body must be read or discarded: until then it holds a connection. */
export type RangeResponse = {
  /** Where the bytes come from after redirects; always on the same origin. */
  url: URL;
  /** Offset of the first byte: as requested, or 0 if the server does not support ranges. */
  start: number;
  /** Size of the whole file in bytes; undefined if only the end of the body shows it. */
  size: number | undefined;
  /** ETag or Last-Modified: if two responses differ in it, the file has changed. Undefined if the server sends neither. */
  version: string | undefined;
  /** True if the server ignored the range and sends the file from its start. */
  whole: boolean;
  response: VideoResponse;
};

type Requested = { url: URL; start: number; end: number; signal: AbortSignal };

/** Checks a response to a request for the bytes [start, end). Throws a VideoError, or the signal's reason. */
export async function checkRange(response: VideoResponse, requested: Requested): Promise<RangeResponse> {
  const checked = interpret(response, requested);
  if (!(checked instanceof Error)) return checked;
  await discardBody(response, requested.signal);
  throw checked;
}

/** Reads a short body to its end and closes the connection of a longer one. Throws the signal's reason. */
export async function discardBody(response: VideoResponse, signal: AbortSignal): Promise<void> {
  try {
    await response.read(shortBodyBytes);
  } catch {
    // Status and headers have decided the result; a body that fails does not change it.
    signal.throwIfAborted();
  }
}

/** Reads the `length` bytes of a partial response. Throws a VideoError if it is longer or shorter. */
export async function readExactly(response: VideoResponse, length: number): Promise<Buffer> {
  const bytes = await response.read(length);
  if (bytes.length > length)
    throw new VideoServerError('the video server sent more bytes than Content-Range announces');
  if (bytes.length < length)
    throw new VideoServerError('the video server sent fewer bytes than Content-Range announces');
  return bytes;
}

/** Returns a header's value; a header that is sent several times is joined, and so fails the checks of its format. */
export function headerOf({ headers }: VideoResponse, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

function interpret(response: VideoResponse, requested: Requested): RangeResponse | VideoError {
  const { statusCode } = response;
  const { url, start } = requested;
  if (statusCode === 416) return interpretUnsatisfiable(response, requested);
  if (statusCode !== 200 && statusCode !== 206) return failureOfStatus(statusCode, headerOf(response, 'retry-after'));
  const encoding = headerOf(response, 'content-encoding') ?? 'identity';
  if (encoding !== 'identity')
    return new VideoServerError('the video server compressed its response although no encoding was requested');
  const version = headerOf(response, 'etag') ?? headerOf(response, 'last-modified');
  if (statusCode === 206) {
    const size = sizeFromContentRange(headerOf(response, 'content-range'), requested);
    if (size === undefined) return new VideoServerError('the video server sent a range other than the requested one');
    return { url, start, size, version, whole: false, response };
  }
  const length = headerOf(response, 'content-length');
  const size = length === undefined ? undefined : Number(length);
  return { url, start: 0, size, version, whole: true, response };
}

/** 416 is right for the start of an empty file; otherwise the file has shrunk. */
function interpretUnsatisfiable(response: VideoResponse, { url, start }: Requested): RangeResponse | VideoError {
  const contentRange = headerOf(response, 'content-range') ?? 'bytes */0';
  if (start > 0 || contentRange !== 'bytes */0') {
    return new VideoServerError('the video server rejects a range that lies within the file');
  }
  return { url, start: 0, size: 0, version: undefined, whole: false, response };
}

/** Returns the size of the whole file if the range is the requested one, cut at the end of the file and nowhere else. */
function sizeFromContentRange(contentRange = '', { start, end }: Requested): number | undefined {
  const range = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(contentRange);
  if (range === null) return undefined;
  const [first, last, size] = range.slice(1).map(Number);
  if (first !== start || size === undefined || last !== Math.min(end, size) - 1) return undefined;
  return size;
}
