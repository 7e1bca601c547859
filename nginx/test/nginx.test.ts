import { request } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type PublicEndpoint, startPublicEndpoint } from '#test/harness/nginx.ts';

// A real nginx with nginx.conf and tls/tls.conf, in front of an api that returns the request it received.

const started = await startPublicEndpoint();

describe.skipIf('missing' in started)('nginx', () => {
  let nginx: PublicEndpoint;
  beforeAll(() => {
    if (!('missing' in started)) nginx = started;
  });
  afterAll(() => nginx.close());
  beforeEach(() => void nginx.requests.splice(0));

  const https = async (path: string, headers: Record<string, string> = {}) => {
    const outgoing = request({
      host: 'localhost',
      port: nginx.ports.https,
      ca: nginx.ca,
      path,
      headers,
      family: 4,
    }).end();
    const response = await new Promise<import('node:http').IncomingMessage>((resolve, reject) =>
      outgoing.on('response', resolve).on('error', reject),
    );
    return { status: response.statusCode, headers: response.headers, body: JSON.parse(await text(response)) };
  };

  describe('the reverse proxy', () => {
    it('appends the client’s address to X-Forwarded-For and sets X-Forwarded-Proto itself', async () => {
      await fetch(`http://127.0.0.1:${nginx.ports.api}/livez`, {
        headers: { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https' },
      });
      expect(nginx.requests[0]?.headers).toMatchObject({
        'x-forwarded-for': '203.0.113.9, 127.0.0.1',
        'x-forwarded-proto': 'http',
      });
    });

    it('holds a request while no api is available, and forwards it once', async () => {
      await nginx.stopApi();
      const held = fetch(`http://127.0.0.1:${nginx.ports.api}/alerts`, { method: 'POST', body: '{}' });
      await new Promise((resolve) => setTimeout(resolve, 1_500)); // the duration of the outage, not a wait for a state
      await nginx.startApi();
      expect((await held).status).toBe(200);
      expect(nginx.requests).toHaveLength(1);
    });

    it('forwards each event as it arrives, and closes the stream when the client disconnects', async () => {
      const disconnect = new AbortController();
      const url = `http://127.0.0.1:${nginx.ports.api}/alerts/events?store=a`;
      const stream = await fetch(url, { headers: { 'last-event-id': '1.0' }, signal: disconnect.signal });
      const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
      expect((await reader?.read())?.value).toBe('id: 1.1\n\n');
      expect((await reader?.read())?.value).toBe('id: 1.2\n\n');
      expect(nginx.requests[0]).toMatchObject({ url: '/alerts/events?store=a', headers: { 'last-event-id': '1.0' } });
      disconnect.abort();
      await expect.poll(() => nginx.requests[0]?.disconnected, { timeout: 150_000 }).toBe(true);
    });

    it.each([
      'nonsense',
      'TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close',
      'GET / HTTP/2.0\r\nHost: x',
      'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: odd\r\nConnection: close',
    ])('rejects %j with a problem, without a request to the api', async (request) => {
      const socket = connectTcp(nginx.ports.api, '127.0.0.1');
      socket.end(`${request}\r\n\r\n`);
      const response = await text(socket);
      expect(response).toContain('application/problem+json');
      expect(response).toContain('"status":400');
      expect(nginx.requests).toEqual([]);
    });

    it('rejects a batch over 512 KiB with a problem', async () => {
      const body = 'x'.repeat(513 * 1024);
      const response = await fetch(`http://127.0.0.1:${nginx.ports.api}/alerts/batch`, { method: 'POST', body });
      expect([response.status, response.headers.get('content-type')]).toEqual([413, 'application/problem+json']);
      expect(nginx.requests).toEqual([]);
    });
  });

  it('lets pages of this machine only read videos', async () => {
    const allowed = async (path: string, origin: string) =>
      (await fetch(`http://127.0.0.1:${nginx.ports.videos}${path}`, { headers: { origin } })).headers.get(
        'access-control-allow-origin',
      );
    for (const path of ['/videos/test_1.avi', '/videos/none.avi']) {
      expect(await allowed(path, 'http://127.0.0.1:8000')).toBe('http://127.0.0.1:8000');
      expect(await allowed(path, 'http://localhost:9000')).toBe('http://localhost:9000');
      expect(await allowed(path, 'http://127.0.0.1.evil.example')).toBeNull();
      expect(await allowed(path, 'https://evil.example')).toBeNull();
    }
  });

  it('serves ranges of videos', async () => {
    const range = { range: 'bytes=0-11' };
    const response = await fetch(`http://127.0.0.1:${nginx.ports.videos}/videos/test_1.avi`, { headers: range });
    expect([response.status, (await response.text()).slice(0, 4)]).toEqual([206, 'RIFF']);
  });

  describe('the public HTTPS endpoint', () => {
    it('terminates TLS, forwards the scheme to the api, and sends HSTS', async () => {
      const { status, headers, body } = await https('/alerts?limit=1');
      expect(status).toBe(200);
      expect(headers['strict-transport-security']).toMatch(/^max-age=63072000\b/);
      expect(body).toMatchObject({ url: '/alerts?limit=1', headers: { 'x-forwarded-proto': 'https' } });
    });

    it('ignores the address and scheme that a client claims', async () => {
      const { body } = await https('/livez', { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'gopher' });
      const forwardedFor: string = body.headers['x-forwarded-for'];
      expect(new Set(forwardedFor.split(', '))).toEqual(new Set(['127.0.0.1']));
      expect(body.headers['x-forwarded-proto']).toBe('https');
    });

    it('redirects HTTP to HTTPS with path, query and method, without a request to the api', async () => {
      const response = await fetch(`http://127.0.0.1:${nginx.ports.http}/alerts?limit=1`, {
        method: 'POST',
        redirect: 'manual',
      });
      expect([response.status, response.headers.get('location')]).toEqual([308, 'https://127.0.0.1/alerts?limit=1']);
      expect(nginx.requests).toEqual([]);
    });

    it('serves the ACME challenge over HTTP', async () => {
      const response = await fetch(`http://127.0.0.1:${nginx.ports.http}/.well-known/acme-challenge/token`);
      expect(await response.text()).toBe('proof');
    });

    const handshake = (options: object) =>
      new Promise<string>((resolve) => {
        const target = { host: '127.0.0.1', port: nginx.ports.https, ca: nginx.ca, servername: 'localhost' };
        const socket: TLSSocket = connect({ ...target, ...options }, () => {
          resolve(socket.getProtocol() ?? '');
          socket.destroy();
        });
        socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      });

    it.each([
      ['TLS 1.3', {}, 'TLSv1.3'],
      ['TLS 1.2', { maxVersion: 'TLSv1.2' }, 'TLSv1.2'],
    ])('accepts %s', async (_name, options, expected) => {
      expect(await handshake(options)).toBe(expected);
    });

    it.each([
      // Without SECLEVEL, the client itself would refuse to offer these.
      ['TLS 1.1', { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' }],
      ['a suite without an authenticated cipher', { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' }],
    ])('rejects %s', async (_name, options) => {
      expect(await handshake(options)).toMatch(/ALERT|ECONNRESET/);
    });
  });
});
