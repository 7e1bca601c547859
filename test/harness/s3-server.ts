import { mkdtemp, readFile, rm } from 'node:fs/promises';
import http from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AwsClient } from 'aws4fetch';
import { Agent, request } from 'undici';
import { certificate } from './video-server.ts';

/** The credentials that the server accepts. */
export const S3_CREDENTIALS = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' };

type S3rver = { run(): Promise<AddressInfo>; close(): Promise<void>; httpServer: http.Server };
// The package has no types.
const Server = createRequire(import.meta.url)('@20minutes/s3rver') as new (options: object) => S3rver;

export type S3Server = {
  origin: string;
  /** Number of requests. */
  readonly requests: number;
  put(bucket: string, key: string, bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
};

/**
 * Starts an S3 server with empty buckets on 127.0.0.1. It verifies signatures. `https`: with the certificate of
 * video-server.ts.
 */
export async function startS3Server(buckets: string[], protocol: 'http' | 'https' = 'http'): Promise<S3Server> {
  const directory = await mkdtemp(join(tmpdir(), 's3-'));
  const configureBuckets = buckets.map((name) => ({ name }));
  const pem = protocol === 'https' ? await readFile(certificate) : undefined;
  const options = { address: '127.0.0.1', port: 0, silent: true, directory, configureBuckets };
  const server = new Server({ ...options, ...(pem && { key: pem, cert: pem }) });
  const { port } = await server.run();
  let requests = 0;
  server.httpServer.on('request', () => {
    requests += 1;
  });
  const origin = `${protocol}://127.0.0.1:${port}`;
  const client = new AwsClient({ ...S3_CREDENTIALS, service: 's3', region: 'us-east-1', retries: 0 });
  const dispatcher = new Agent({ connect: pem ? { ca: pem } : {} });
  return {
    origin,
    get requests() {
      return requests;
    },
    async put(bucket, key, bytes) {
      const url = `${origin}/${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`;
      const body = Buffer.from(bytes);
      const { headers } = await client.sign(url, { method: 'PUT', body });
      const sent = { method: 'PUT', headers: Object.fromEntries(headers), body, dispatcher } as const;
      const response = await request(url, sent);
      const text = await response.body.text();
      if (response.statusCode !== 200) throw new Error(`cannot store ${key}: ${response.statusCode} ${text}`);
    },
    async close() {
      await dispatcher.destroy();
      server.httpServer.closeAllConnections();
      await server.close();
      await rm(directory, { recursive: true });
    },
  };
}

export type S3Failure = { status: number; body: string; headers?: Record<string, string> };

/**
 * Starts an S3 server on 127.0.0.1 that fails as `failureOf` decides from the headers of a request and their number, and sends
 * `bytes` if that returns undefined.
 */
export async function startFailingS3Server(
  bytes: Uint8Array,
  failureOf: (headers: http.IncomingHttpHeaders, number: number) => S3Failure | undefined,
): Promise<{ origin: string; readonly requests: number; close(): Promise<void> }> {
  let requests = 0;
  const server = http.createServer((request, response) => {
    requests += 1;
    const failure = failureOf(request.headers, requests);
    if (failure) return void response.writeHead(failure.status, failure.headers).end(failure.body);
    const [start = 0, last = 0] = (request.headers.range ?? '').slice(6).split('-').map(Number);
    const part = bytes.subarray(start, last + 1);
    const range = `bytes ${start}-${start + part.length - 1}/${bytes.length}`;
    response.writeHead(206, { 'content-range': range, 'content-length': part.length }).end(part);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, // listening on TCP
    get requests() {
      return requests;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Starts a server on 127.0.0.1 that handles all requests with `handle`. */
export async function startScriptedS3Server(
  handle: http.RequestListener,
): Promise<{ origin: string; close(): Promise<void> }> {
  const server = http.createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, // listening on TCP
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
