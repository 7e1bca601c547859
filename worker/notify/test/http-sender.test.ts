import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openCanary } from '#test/harness/canary.ts';
import { freePort } from '#test/harness/ports.ts';
import { type Behaviour, type Receiver, startReceiver } from '#test/harness/receiver.ts';
import { createHttpSender, type HttpSender } from '../http-sender.ts';
import { failureOf, openGuard, tls, trustTestCertificate } from './sending.ts';

let receiver: Receiver;
let sender: HttpSender;

beforeAll(async () => {
  receiver = await startReceiver();
  sender = createHttpSender(openGuard());
});
afterAll(async () => {
  sender.close();
  await receiver.close();
});
afterEach(() => receiver.behave({ status: 204 }));

const post = (url = receiver.url, options: { timeoutMs?: number; secrets?: string[] } = {}) =>
  sender.post({
    url,
    body: '{"a":1}',
    headers: { 'content-type': 'application/json' },
    signal: AbortSignal.timeout(options.timeoutMs ?? 30_000),
    secrets: options.secrets ?? [],
  });

describe('a response', () => {
  it.each([200, 201, 202, 204, 299])('with status %i is a delivery', async (status) => {
    receiver.behave({ status });
    expect(await post()).toMatchObject({ status });
    expect(receiver.received.at(-1)).toMatchObject({ method: 'POST', body: '{"a":1}' });
  });

  it.each([400, 401, 404, 405, 418, 500, 502, 504])('with status %i is a failure', async (status) => {
    receiver.behave({ status, body: 'details' });
    const error = await failureOf(post());
    expect(error).toMatchObject({ message: `the receiver responded ${status}`, status, body: 'details', gone: false });
    expect(error.retryAfterMs).toBeUndefined();
  });

  it('of 410 says that the receiver is gone', async () => {
    receiver.behave({ status: 410 });
    expect(await failureOf(post())).toMatchObject({ status: 410, gone: true });
  });

  it.each([
    [429, '120', 120_000],
    [503, '7', 7_000],
    [429, '999999', 3_600_000],
    [429, 'soon', undefined],
    [500, '120', undefined],
  ])('of %i with Retry-After %s delays the next attempt by %s ms', async (status, value, expected) => {
    receiver.behave({ status, headers: { 'retry-after': value } });
    expect((await failureOf(post())).retryAfterMs).toBe(expected);
  });

  it('with a date in Retry-After delays it until then', async () => {
    receiver.behave({ status: 503, headers: { 'retry-after': new Date(Date.now() + 600_000).toUTCString() } });
    const { retryAfterMs } = await failureOf(post());
    expect(retryAfterMs).toBeGreaterThan(300_000);
    expect(retryAfterMs).toBeLessThanOrEqual(600_000);
  });

  it.each([301, 302, 303, 307, 308])('of %i is a failure, and the other server gets no connection', async (status) => {
    await using canary = await openCanary();
    receiver.behave({ status, headers: { location: `http://127.0.0.1:${canary.port}/` } });
    const error = await failureOf(post());
    expect(error.message).toBe(`the receiver responded ${status}; redirects are not followed`);
    expect(canary.connections).toBe(0);
  });
});

describe('a response body', () => {
  it('is kept up to 1 kB, without control characters, in whole characters', async () => {
    receiver.behave({ status: 200, body: `a\u0000b\u001b[31m\n${'ü'.repeat(2_000)}` });
    const { body = '' } = await post();
    expect(body.startsWith('a\u{fffd}b\u{fffd}[31m\nü')).toBe(true);
    expect(Buffer.byteLength(body)).toBeGreaterThan(1_000);
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(1_024);
    expect(body.endsWith('ü')).toBe(true);
  });

  it('does not repeat the secrets of the request', async () => {
    receiver.behave({ status: 400, body: 'you sent Bearer s3cret-token' });
    const error = await failureOf(post(receiver.url, { secrets: ['s3cret-token'] }));
    expect(error.body).toBe('you sent Bearer ***');
  });

  it.each<Behaviour>(['endless-body', 'cut-body'])('that never ends well (%s) changes nothing', async (behaviour) => {
    receiver.behave(behaviour);
    const { status, body = '' } = await post();
    expect(status).toBe(200);
    expect(body.length).toBeLessThanOrEqual(1_024);
  });

  it('that drips is not read to its end, and the status counts', async () => {
    receiver.behave('drip');
    const { status, body = '' } = await post();
    expect(status).toBe(200);
    expect(body).toMatch(/^\.+$/);
  });
});

describe('a receiver that does not respond', () => {
  it.each<Behaviour>(['stall', 'slow-headers'])('(%s) ends with the time limit', async (behaviour) => {
    receiver.behave(behaviour);
    const error = await failureOf(post(receiver.url, { timeoutMs: 1_000 }));
    expect(error.message).toBe('the receiver did not respond in time');
  });

  it('may take longer than an idle connection is kept', async () => {
    const slow = await startReceiver();
    slow.behave('stall');
    await failureOf(post(slow.url, { timeoutMs: 5_000 }));
    expect(slow.received).toHaveLength(1);
    await slow.close();
  });

  it.each<[Behaviour, RegExp]>([
    ['cut', /^the receiver closed the connection \(ECONNRESET\)$/],
    ['garbage', /^the receiver sent an invalid response \(HPE_\w+\)$/],
  ])('but does %s is an error', async (behaviour, message) => {
    receiver.behave(behaviour);
    expect((await failureOf(post())).message).toMatch(message);
  });

  it('because nothing listens is an error', async () => {
    const error = await failureOf(post(`http://127.0.0.1:${await freePort()}/path?token=s3cret`));
    expect(error.message).toBe('cannot connect to the receiver (ECONNREFUSED)');
  });

  it('because its name is unknown is an error', async () => {
    const error = await failureOf(post('http://receiver.invalid/'));
    expect(error.message).toMatch(/^the receiver's host name was not found \((ENOTFOUND|EAI_AGAIN)\)$/);
  });
});

it('keeps connections alive, and opens a new one after a body that it did not read', async () => {
  const fresh = await startReceiver();
  for (let count = 0; count < 5; count += 1) await post(fresh.url);
  expect(fresh.connections).toBe(1);
  fresh.behave('endless-body');
  await post(fresh.url);
  fresh.behave({ status: 204 });
  await post(fresh.url);
  expect(fresh.connections).toBe(2);
  await fresh.close();
});

it.each(['ftp://127.0.0.1/', 'file:///etc/passwd', 'nonsense', ''])('refuses the URL %j', async (url) => {
  expect((await failureOf(post(url))).message).toBe('the destination has no http or https URL');
});

it('refuses a URL with a password, which would become a header', async () => {
  const error = await failureOf(post(`http://user:s3cret@127.0.0.1:${receiver.port}/`));
  expect(error.message).toBe('the URL must not contain a user name or password');
});

describe('TLS', () => {
  it('is verified', async () => {
    await using secure = await startReceiver({ tls });
    const error = await failureOf(post(secure.url));
    expect(error.message).toMatch(
      /^the receiver's TLS certificate was rejected \((DEPTH_ZERO_)?SELF_SIGNED_CERT\w*\)$/,
    );
    expect(secure.received).toEqual([]);
    trustTestCertificate();
    expect(await post(secure.url)).toMatchObject({ status: 204 });
  });

  it('is verified against the name of the URL', async () => {
    trustTestCertificate();
    await using secure = await startReceiver({ tls });
    const other = createHttpSender(
      openGuard((_name, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }])),
    );
    const error = await failureOf(
      other.post({ url: `https://other.example:${secure.port}/`, body: '', signal: AbortSignal.timeout(30_000) }),
    );
    expect(error.message).toBe("the receiver's TLS certificate was rejected (ERR_TLS_CERT_ALTNAME_INVALID)");
    other.close();
  });
});
