import { request } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type PublicEndpoint, startPublicEndpoint } from '#test/harness/nginx.ts';

// nginx.conf and tls/tls.conf as a real nginx reads them, before an api that tells what it was asked.

const started = await startPublicEndpoint();

describe.skipIf('missing' in started)('nginx', () => {
  let front: PublicEndpoint;
  beforeAll(() => {
    if (!('missing' in started)) front = started;
  });
  afterAll(() => front.close());
  beforeEach(() => void front.requests.splice(0));

  const https = async (path: string, headers: Record<string, string> = {}) => {
    const sent = request({ host: 'localhost', port: front.ports.https, ca: front.ca, path, headers, family: 4 }).end();
    const answer = await new Promise<import('node:http').IncomingMessage>((resolve, reject) =>
      sent.on('response', resolve).on('error', reject),
    );
    return { status: answer.statusCode, headers: answer.headers, body: JSON.parse(await text(answer)) };
  };

  describe('at the front door', () => {
    it('tells the api who really asks, behind whatever the caller says of itself', async () => {
      await fetch(`http://127.0.0.1:${front.ports.api}/livez`, {
        headers: { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https' },
      });
      expect(front.requests[0]?.headers).toMatchObject({
        'x-forwarded-for': '203.0.113.9, 127.0.0.1',
        'x-forwarded-proto': 'http',
      });
    });

    it('holds a request while no api answers, and passes it on once', async () => {
      await front.stopApi();
      const held = fetch(`http://127.0.0.1:${front.ports.api}/alerts`, { method: 'POST', body: '{}' });
      await new Promise((resolve) => setTimeout(resolve, 1_500)); // the api's absence, not a wait for a state
      await front.startApi();
      expect((await held).status).toBe(200);
      expect(front.requests).toHaveLength(1);
    });

    it('passes each event on as it comes, and lets the stream go with its reader', async () => {
      const leaving = new AbortController();
      const url = `http://127.0.0.1:${front.ports.api}/alerts/events?store=a`;
      const stream = await fetch(url, { headers: { 'last-event-id': '1.0' }, signal: leaving.signal });
      const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
      expect((await reader?.read())?.value).toBe('id: 1.1\n\n');
      expect((await reader?.read())?.value).toBe('id: 1.2\n\n');
      expect(front.requests[0]).toMatchObject({ url: '/alerts/events?store=a', headers: { 'last-event-id': '1.0' } });
      leaving.abort();
      await expect.poll(() => front.requests[0]?.disconnected, { timeout: 10_000 }).toBe(true);
    });

    it.each([
      'nonsense',
      'TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close',
      'GET / HTTP/2.0\r\nHost: x',
      'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: odd\r\nConnection: close',
    ])('refuses %j with a problem, and does not bother the api', async (request) => {
      const socket = connectTcp(front.ports.api, '127.0.0.1');
      socket.end(`${request}\r\n\r\n`);
      const answer = await text(socket);
      expect(answer).toContain('application/problem+json');
      expect(answer).toContain('"status":400');
      expect(front.requests).toEqual([]);
    });

    it('refuses a body over 600 KiB with a problem', async () => {
      const body = 'x'.repeat(601 * 1024);
      const answer = await fetch(`http://127.0.0.1:${front.ports.api}/alerts/batch`, { method: 'POST', body });
      expect([answer.status, answer.headers.get('content-type')]).toEqual([413, 'application/problem+json']);
      expect(front.requests).toEqual([]);
    });
  });

  it('serves ranges of videos', async () => {
    const range = { range: 'bytes=0-11' };
    const answer = await fetch(`http://127.0.0.1:${front.ports.videos}/videos/test_1.avi`, { headers: range });
    expect([answer.status, (await answer.text()).slice(0, 4)]).toEqual([206, 'RIFF']);
  });

  describe('on the internet', () => {
    it('ends TLS, tells the api so, and says HSTS', async () => {
      const { status, headers, body } = await https('/alerts?limit=1');
      expect(status).toBe(200);
      expect(headers['strict-transport-security']).toMatch(/^max-age=63072000\b/);
      expect(body).toMatchObject({ url: '/alerts?limit=1', headers: { 'x-forwarded-proto': 'https' } });
    });

    it('believes nothing that a caller says of its address or scheme', async () => {
      const { body } = await https('/livez', { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'gopher' });
      const told: string = body.headers['x-forwarded-for'];
      expect(new Set(told.split(', '))).toEqual(new Set(['127.0.0.1']));
      expect(body.headers['x-forwarded-proto']).toBe('https');
    });

    it('sends plain HTTP to https, with path, query and method, and never to the api', async () => {
      const answer = await fetch(`http://127.0.0.1:${front.ports.http}/alerts?limit=1`, {
        method: 'POST',
        redirect: 'manual',
      });
      expect([answer.status, answer.headers.get('location')]).toEqual([308, 'https://127.0.0.1/alerts?limit=1']);
      expect(front.requests).toEqual([]);
    });

    it('lets a certificate authority see the proof over plain HTTP', async () => {
      const answer = await fetch(`http://127.0.0.1:${front.ports.http}/.well-known/acme-challenge/token`);
      expect(await answer.text()).toBe('proof');
    });

    const handshake = (options: object) =>
      new Promise<string>((resolve) => {
        const where = { host: '127.0.0.1', port: front.ports.https, ca: front.ca, servername: 'localhost' };
        const socket: TLSSocket = connect({ ...where, ...options }, () => {
          resolve(socket.getProtocol() ?? '');
          socket.destroy();
        });
        socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      });

    it.each([
      ['TLS 1.3', {}, 'TLSv1.3'],
      ['TLS 1.2', { maxVersion: 'TLSv1.2' }, 'TLSv1.2'],
    ])('speaks %s', async (_name, options, expected) => {
      expect(await handshake(options)).toBe(expected);
    });

    it.each([
      // SECLEVEL: or the client itself would refuse to ask for these.
      ['TLS 1.1', { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' }],
      ['a suite without an authenticated cipher', { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' }],
    ])('does not speak %s', async (_name, options) => {
      expect(await handshake(options)).toMatch(/ALERT|ECONNRESET/);
    });
  });
});
