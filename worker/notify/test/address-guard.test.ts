// ssrf.test.ts has all cases, but needs a network namespace. These run everywhere, with addresses of the loopback interface.
import { Resolver } from 'node:dns';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allowedCidrsField, isBlockedAddress } from '#destinations/address-rules.ts';
import { type Canary, openCanary } from '#test/harness/canary.ts';
import { type DnsServer, startDnsServer } from '#test/harness/dns-server.ts';
import { createAddressGuard, type Resolve } from '../address-guard.ts';
import type { Kinds } from '../kind.ts';
import { openKinds } from '../kinds.ts';
import { contextOf, failureOf, messageOf, openMuteServer } from './sending.ts';

let canary: Canary;
let dns: DnsServer;
let resolve: Resolve;

beforeAll(async () => {
  canary = await openCanary();
  dns = await startDnsServer();
  const resolver = new Resolver({ timeout: 5_000 });
  resolver.setServers([`127.0.0.1:${dns.port}`]);
  resolve = (hostname, callback) => {
    resolver.resolve4(hostname, (error, addresses = []) => {
      callback(
        error,
        addresses.map((address) => ({ address, family: 4 })),
      );
    });
  };
});
afterAll(async () => {
  await canary[Symbol.asyncDispose]();
  await dns[Symbol.asyncDispose]();
});

const kindsOf = (allowed: string, names?: Resolve): Kinds => {
  const cidrs = allowedCidrsField.parse(allowed);
  return openKinds(createAddressGuard({ isBlocked: (address) => isBlockedAddress(address, cidrs), resolve: names }));
};
const webhook = (kinds: Kinds, host: string, port = canary.port) =>
  kinds.webhook.send({ url: `http://${host}:${port}/` }, messageOf('processed'), contextOf());
const BLOCKED = /^the address \S+ is not public: allow it with DESTINATION_ALLOW_CIDRS$/;

describe.each([
  '127.0.0.1',
  'localhost',
  '127.1',
  '2130706433',
  '0x7f.1',
  '0177.1',
  '0.0.0.0',
  '127.9.9.9',
  '[::ffff:127.0.0.1]',
])('a webhook to %s', (host) => {
  it('gets no connection, and one if the address is allowed', async () => {
    const before = canary.connections;
    expect((await failureOf(webhook(kindsOf(''), host))).message).toMatch(BLOCKED);
    expect(canary.connections).toBe(before);
    await failureOf(webhook(kindsOf('0.0.0.0/0,::/0'), host));
    expect(canary.connections).toBeGreaterThan(before);
  });
});

it('an allowed network opens nothing else', async () => {
  const before = canary.connections;
  const kinds = kindsOf('127.0.0.1/32');
  expect((await failureOf(webhook(kinds, '127.0.0.2'))).message).toMatch(BLOCKED);
  expect(canary.connections).toBe(before);
  await failureOf(webhook(kinds, '127.0.0.1'));
  expect(canary.connections).toBe(before + 1);
});

describe('an address that was checked', () => {
  it('is the one that is connected to, although the next lookup returns another', async () => {
    dns.set('rebind.example', ['127.0.0.1'], ['127.0.0.2']);
    const lookups = dns.queries.length;
    const before = canary.addresses.length;
    await failureOf(webhook(kindsOf('127.0.0.1/32', resolve), 'rebind.example'));
    expect(canary.addresses.slice(before)).toEqual(['127.0.0.1']);
    expect(dns.queries.length - lookups).toBe(1);
    // The next connection is checked again.
    expect((await failureOf(webhook(kindsOf('127.0.0.1/32', resolve), 'rebind.example'))).message).toMatch(BLOCKED);
    expect(canary.addresses.slice(before)).toEqual(['127.0.0.1']);
  });

  it('is one of several: if one of them is blocked, no connection is made', async () => {
    dns.set('both.example', ['127.0.0.1', '127.0.0.2']);
    const before = canary.connections;
    expect((await failureOf(webhook(kindsOf('127.0.0.1/32', resolve), 'both.example'))).message).toMatch(BLOCKED);
    expect(canary.connections).toBe(before);
  });
});

it('a name without addresses is an error', async () => {
  const empty = kindsOf('', (_name, callback) => callback(null, []));
  const error = await failureOf(webhook(empty, 'empty.example'));
  expect(error.message).toBe("the receiver's host name was not found (ENOTFOUND)");
});

it('an e-mail or an MQTT message that times out leaves no connection open', async () => {
  await using mute = await openMuteServer();
  const kinds = kindsOf('127.0.0.1/32');
  const mail = {
    to: ['a@example.com'],
    from: 'b@example.com',
    host: '127.0.0.1',
    port: mute.port,
    security: 'starttls',
  };
  const mqtt = {
    url: `mqtt://127.0.0.1:${mute.port}`,
    topic_prefix: 'video-alerts',
    retain: true,
    home_assistant: false,
  };
  for (const sending of [
    kinds.email.send(mail, messageOf('processed'), contextOf(1_000)),
    kinds.mqtt.send(mqtt, messageOf('processed'), contextOf(1_000)),
  ]) {
    expect((await failureOf(sending)).message).toBe('the receiver did not respond in time');
  }
  await expect.poll(() => mute.open, { timeout: 150_000 }).toBe(0);
});
