import type { IncomingHttpHeaders } from 'node:http';
import { VideoServerError } from '../../errors.ts';
import { failureOfStatus } from './failure.ts';

/** A body nobody wants is read to its end when it is this short: that keeps the connection for the next request. */
const shortBody = 4096;

/**
 * The bytes of a file as one answer brings them. `body` must be iterated, once; leaving it early closes the connection.
 * It throws the VideoError family, or the signal's reason.
 */
export type RangeAnswer = {
  /** Where the bytes came from after redirects; the same origin always. */
  url: URL;
  /** Offset of the first byte of `body`: what was asked, or 0 where the server knows no ranges. */
  start: number;
  /** Whole file in bytes; undefined where only the end of `body` tells. */
  size: number | undefined;
  /** Two answers with different versions are of different files; undefined where the server has none. */
  version: string | undefined;
  /** true: the server ignored the range and sends the file from its start. */
  whole: boolean;
  body: AsyncIterable<Uint8Array>;
};

type Body = AsyncIterable<Uint8Array>;
type Asked = { url: URL; start: number; end: number; signal: AbortSignal };
type Head = { statusCode: number; headers: IncomingHttpHeaders };

/** Checks an answer to a request for the bytes [start, end) and says what it brings. Throws a VideoError. */
export async function readAnswer(head: Head, asked: Asked, body: Body): Promise<RangeAnswer> {
  const answer = understand(head, asked, body);
  if (!(answer instanceof Error)) return answer;
  await discard(body, asked.signal);
  throw answer;
}

/** Reads a short body to its end and leaves a long one, so that no connection is held by bytes nobody wants. */
export async function discard(body: Body, signal: AbortSignal): Promise<void> {
  let length = 0;
  try {
    for await (const chunk of body) {
      length += chunk.length;
      if (length > shortBody) break;
    }
  } catch {
    // What the answer means is known by its head; that the rest breaks off changes nothing.
    signal.throwIfAborted();
  }
}

function understand(head: Head, asked: Asked, body: Body): RangeAnswer | Error {
  const { statusCode: status, headers } = head;
  const { url, start } = asked;
  if (status === 416) return unsatisfiable(headers, asked);
  if (status !== 200 && status !== 206) return failureOfStatus(status, headers['retry-after']);
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity') return new VideoServerError('the video server compressed a video it was asked not to');
  const version = headers.etag ?? headers['last-modified'];
  if (status === 206) {
    const size = sizeOfPart(headers, asked);
    if (size === undefined) return new VideoServerError('the video server sent another range than the one asked for');
    const length = Math.min(asked.end, size) - start;
    return { url, start, size, version, whole: false, body: exactly(length, body) };
  }
  const length = headers['content-length'];
  return { url, start: 0, size: length === undefined ? undefined : Number(length), version, whole: true, body };
}

/** No byte of the range exists: right for an empty file asked from its start, a file that shrank otherwise. */
function unsatisfiable(headers: IncomingHttpHeaders, { url, start }: Asked): RangeAnswer | Error {
  const size = headers['content-range'] ?? 'bytes */0';
  if (start > 0 || size !== 'bytes */0') return new VideoServerError('the video server denies the range it has');
  return { url, start: 0, size: 0, version: undefined, whole: false, body: nothing() };
}

/** The size of the whole file, when Content-Range is the range asked for, cut at the file's end and nowhere else. */
function sizeOfPart(headers: IncomingHttpHeaders, { start, end }: Asked): number | undefined {
  const range = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(headers['content-range'] ?? '');
  if (range === null) return undefined;
  const [first, last, size] = range.slice(1).map(Number);
  if (first !== start || size === undefined || last !== Math.min(end, size) - 1) return undefined;
  return size;
}

async function* exactly(length: number, body: Body): AsyncGenerator<Uint8Array, void> {
  let received = 0;
  for await (const chunk of body) {
    received += chunk.length;
    if (received > length) throw new VideoServerError('the video server sent more than the range it announced');
    yield chunk;
  }
  if (received < length) throw new VideoServerError('the video server sent less than the range it announced');
}

async function* nothing(): AsyncGenerator<Uint8Array, void> {}
