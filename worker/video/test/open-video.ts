import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setDefaultCACertificates } from 'node:tls';
import type { Behaviour } from '#test/harness/video-behaviours.ts';
import { certificate, startVideoServer, type VideoServer } from '#test/harness/video-server.ts';
import { createVideoReader, type VideoReader } from '../http/range-reader.ts';
import type { Meter, OpenVideo } from '../types.ts';

const fixtures = join(import.meta.dirname, 'fixtures');

export function fixture(name: string): Buffer {
  return readFileSync(join(fixtures, name));
}

/** `length` bytes, each told from its neighbours. */
export function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let index = 0; index < length; index += 1) bytes[index] = (index * 31 + (index >> 8)) & 0xff;
  return bytes;
}

export type Stack = AsyncDisposable & {
  server: VideoServer;
  reader: VideoReader;
  meter: Meter;
  open(file: string, behaviour?: Behaviour, signal?: AbortSignal): Promise<OpenVideo>;
};

/**
 * A video server with the fixtures and `files`, and a reader before it. At its end the reader alone is closed first:
 * the test hangs, and fails, if that leaves a socket open.
 */
export async function openStack({
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
} = {}): Promise<Stack> {
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

/** What `promise` is rejected with; fails where it is not. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('no failure came');
}
