import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setDefaultCACertificates } from 'node:tls';
import type { Behaviour } from '#test/harness/video-behaviours.ts';
import { certificate, startVideoServer, type VideoServer } from '#test/harness/video-server.ts';
import { createVideoReader, type VideoReader } from '../http/range-reader.ts';
import type { Meter, OpenVideo } from '../types.ts';

const fixtures = join(import.meta.dirname, 'fixtures');
/** The videos that `npm start` and compose serve. */
const samples = join(import.meta.dirname, '../../../nginx/videos');

export function fixture(name: string): Buffer {
  return readFileSync(join(fixtures, name));
}

export function sample(name: string): Buffer {
  return readFileSync(join(samples, name));
}

/** Returns `length` bytes, each different from its neighbours. */
export function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let index = 0; index < length; index += 1) bytes[index] = (index * 31 + (index >> 8)) & 0xff;
  return bytes;
}

export type TestVideos = AsyncDisposable & {
  server: VideoServer;
  reader: VideoReader;
  meter: Meter;
  open(file: string, behaviour?: Behaviour, signal?: AbortSignal): Promise<OpenVideo>;
};

/**
 * Starts a video server with the fixtures and `files`, and a reader for it. Disposal closes the reader first: if that
 * leaves a socket open, the test hangs and fails.
 */
export async function openTestVideos({
  files = {},
  byteBudget = 8 * 1024 * 1024,
  timeoutMs = 2000,
  connections = 8,
  protocol = 'http',
}: {
  files?: Record<string, Uint8Array>;
  byteBudget?: number;
  timeoutMs?: number;
  connections?: number;
  protocol?: 'http' | 'https';
} = {}): Promise<TestVideos> {
  const server = await startVideoServer({ root: fixtures, files, protocol });
  if (protocol === 'https') setDefaultCACertificates([readFileSync(certificate, 'utf8')]);
  const reader = createVideoReader({ origin: server.origin, connections, byteBudget, timeoutMs });
  const meter: Meter = { bytesFetched: 0, requests: 0 };
  return {
    server,
    reader,
    meter,
    open: (file, behaviour, signal = new AbortController().signal) =>
      reader.open(server.url(file, behaviour), { signal, meter }),
    async [Symbol.asyncDispose]() {
      reader.close();
      await server.idle();
      await server.close();
    },
  };
}

/** Returns a video that is not on any server. */
export function inMemory(bytes: Uint8Array): OpenVideo {
  return {
    url: new URL('http://videos.invalid/video'),
    size: bytes.length,
    bytesFetched: 0,
    requests: 0,
    read: async (start, end) => new Uint8Array(bytes.subarray(Math.max(start, 0), Math.max(start, end, 0))),
  };
}

/** Returns what `promise` is rejected with; throws if it is not. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('the promise was not rejected');
}
