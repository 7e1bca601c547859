import type http from 'node:http';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startScriptedS3Server } from '#test/harness/s3-server.ts';
import { openBucket } from '../bucket.ts';
import { type MediaStore, mediaStore } from '../store.ts';
import { allOf, sha256Of, sourceOf } from './s3-fixture.ts';

/** Returns the store on a server that handles all requests with `handle`. */
async function openScripted(handle: http.RequestListener, timeoutMs = 30_000): Promise<MediaStore> {
  const server = await startScriptedS3Server(handle);
  onTestFinished(server.close);
  const bucket = openBucket(sourceOf(server.origin), { prefix: 'a&b/', timeoutMs });
  const store = mediaStore({ store: bucket, isFolder: false });
  onTestFinished(() => store.close());
  return store;
}

const SHA256 = sha256Of(Buffer.from('x'));
const errorBody = (code: string) => `<?xml version="1.0"?><Error><Code>${code}</Code><Message>secret</Message></Error>`;

describe('a server that fails', () => {
  it('never responds', async () => {
    const store = await openScripted(() => {}, 300);
    await expect(store.size('picture', SHA256)).rejects.toThrow('UND_ERR_HEADERS_TIMEOUT');
    await expect(store.put('picture', Buffer.from('x'), SHA256)).rejects.toThrow('UND_ERR_HEADERS_TIMEOUT');
  });

  it('stops in the middle of a file', async () => {
    const store = await openScripted((_request, response) => {
      response.writeHead(200, { 'content-length': 1000 }).write('x');
    }, 300);
    const file = await store.open('picture', SHA256);
    await expect(file && buffer(file.stream)).rejects.toMatchObject({ code: 'UND_ERR_BODY_TIMEOUT' });
  });

  it('closes the connection in the middle of a file', async () => {
    const store = await openScripted((_request, response) => {
      response.writeHead(200, { 'content-length': 1000 }).write('x', () => response.destroy());
    });
    const file = await store.open('picture', SHA256);
    await expect(file && buffer(file.stream)).rejects.toThrow();
  });

  it.each<[string, number, Record<string, string | number>, string]>([
    ['the whole file', 200, { 'content-length': 3 }, 'status 200'],
    ['another range', 206, { 'content-length': 1, 'content-range': 'bytes 0-0/3' }, 'another part'],
    ['a shorter range', 206, { 'content-length': 1, 'content-range': 'bytes 1-1/3' }, 'another part'],
    ['another length', 206, { 'content-length': 1, 'content-range': 'bytes 1-2/3' }, 'another part'],
    ['no length', 206, { 'content-range': 'bytes 1-2/3' }, 'another part'],
    ['an unknown size', 206, { 'content-length': 2, 'content-range': 'bytes 1-2/*' }, 'another part'],
  ])('sends %s instead of a range', async (_what, status, headers, message) => {
    const store = await openScripted((_request, response) => {
      response.writeHead(status, headers).end('x'.repeat(Number(headers['content-length'] ?? 2)));
    });
    await expect(store.open('picture', SHA256, { start: 1, end: 3 })).rejects.toThrow(message);
  });

  it.each([
    [500, 'InternalError', 'S3 responded with status 500 to PUT: InternalError'],
    [503, 'SlowDown', 'status 503 to PUT: SlowDown'],
    [403, 'AccessDenied', 'AccessDenied: the credentials need s3:GetObject'],
    [301, 'PermanentRedirect', 'status 301 to PUT'],
    [404, 'NoSuchKey', 'status 404'],
  ])('responds with %i %s', async (status, code, message) => {
    const store = await openScripted((_request, response) => {
      response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end(errorBody(code));
    });
    const error = await store.put('picture', Buffer.from('x'), SHA256).catch((error) => error);
    expect(error.message).toContain(message);
    expect(error.message).not.toContain('secret');
  });

  it('sends an endless error, and an endless list', async () => {
    const store = await openScripted((request, response) => {
      response.writeHead(request.method === 'PUT' ? 500 : 200);
      const write = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
      };
      response.on('drain', write);
      write();
    });
    await expect(store.put('picture', Buffer.from('x'), SHA256)).rejects.toThrow('status 500');
    await expect(allOf(store)).rejects.toThrow('more than 4194304 bytes');
  });

  it('gets the time and new credentials right with one more request', async () => {
    let requests = 0;
    const store = await openScripted((request, response) => {
      requests += 1;
      request.resume().on('end', () => {
        if (requests > 1) return void response.writeHead(200).end();
        response.writeHead(403, { date: new Date().toUTCString() }).end(errorBody('RequestTimeTooSkewed'));
      });
    });
    await store.put('picture', Buffer.from('x'), SHA256);
    expect(requests).toBe(2);
  });

  it('lists in pages, and ignores other names', async () => {
    const object = (key: string) =>
      `<Contents><Key>${key}</Key><LastModified>2026-11-26T12:00:00.000Z</LastModified><Size>5</Size></Contents>`;
    const tokens: (string | null)[] = [];
    const store = await openScripted((request, response) => {
      const token = new URL(request.url ?? '', 'http://host').searchParams.get('continuation-token');
      tokens.push(token);
      const key = token === null ? `a&amp;b/pictures/2d/71/${SHA256}.webp` : 'a&amp;b/pictures/../../x';
      const more = token === null ? '<NextContinuationToken>a&amp;b=</NextContinuationToken>' : '';
      response.end(`<R><IsTruncated>${token === null}</IsTruncated>${object(key)}${object('x')}${more}</R>`);
    });
    expect(await allOf(store)).toEqual([{ sha256: SHA256, bytes: 5, modifiedAt: new Date('2026-11-26T12:00:00Z') }]);
    expect(tokens).toEqual([null, 'a&b=']);
  });
});
