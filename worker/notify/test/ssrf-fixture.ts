// Runs all cases of ssrf-cases.ts in the namespace and writes the results as JSON: for each case the connections to addresses
// that are not public, first with the guard, then of its control.
import { lookup } from 'node:dns/promises';
import { Agent, createServer } from 'node:http';
import { connect } from 'node:net';
import got from 'got';
import { isBlockedAddress } from '#destinations/address-rules.ts';
import { openCanary } from '#test/harness/canary.ts';
import { startDnsServer } from '#test/harness/dns-server.ts';
import { type AddressGuard, createAddressGuard } from '../address-guard.ts';
import type { Kinds } from '../kind.ts';
import { openKinds } from '../kinds.ts';
import { contextOf, messageOf } from './sending.ts';
import { CANARY_PORTS, NAMES, REDIRECTOR_PORT, SSRF_CASES, type SsrfCase } from './ssrf-cases.ts';

const PROXY = 'http://127.0.0.1:8080';

export type SsrfResult = { guarded: string[]; error: string; control: string[]; redirected: boolean };

const canaries = await Promise.all(CANARY_PORTS.map((port) => openCanary(port)));
const dns = await startDnsServer(53);
let redirects = 0;
const redirector = createServer((request, response) => {
  const { searchParams } = new URL(request.url ?? '', 'http://x');
  redirects += 1;
  response.writeHead(Number(searchParams.get('status')), { location: searchParams.get('to') ?? '' }).end();
});
await new Promise<void>((resolve) => redirector.listen(REDIRECTOR_PORT, '::', () => resolve()));

/** Resets the names, so that a rebinding starts with its first address. */
const setNames = () => {
  for (const [name, answers] of Object.entries(NAMES)) dns.set(name, ...answers);
};

/** Connections to addresses that are not public, since the previous call. */
let seen = canaries.map(() => 0);
function newConnections(): string[] {
  const found = canaries.flatMap(({ addresses, port }, index) =>
    addresses
      .slice(seen[index])
      .filter((each) => isBlockedAddress(each))
      .map((each) => `${each} ${port}`),
  );
  seen = canaries.map(({ addresses }) => addresses.length);
  return found;
}

function configOf({ kind, target }: SsrfCase): object {
  if (kind === 'ntfy') return { server: target, topic: 'alerts' };
  if (kind === 'mqtt') return { url: target, topic_prefix: 'video-alerts', retain: true, home_assistant: false };
  if (kind !== 'email') return { url: target };
  const [, host, port] = /^(.*):(\d+)$/.exec(target) ?? [];
  return {
    to: ['a@example.com'],
    from: 'b@example.com',
    host,
    port: Number(port),
    security: port === '465' ? 'tls' : 'starttls',
  };
}

/** Returns the error's message. */
async function send(kinds: Kinds, attack: SsrfCase): Promise<string> {
  try {
    await kinds[attack.kind].send(configOf(attack), messageOf('processed'), contextOf(10_000));
    return 'sent';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** A client that has the weakness which the case needs. */
async function control(attack: SsrfCase, kinds: Kinds): Promise<void> {
  const { target } = attack;
  if (attack.control === 'allowed') return void (await send(kinds, attack));
  if (attack.control === 'checks-first') return checkThenConnect(target);
  const proxy = new Agent({ proxyEnv: { HTTP_PROXY: PROXY } });
  const options = attack.control === 'proxy' ? { agent: { http: proxy } } : {};
  await got(target, { ...options, retry: { limit: 0 }, throwHttpErrors: false, timeout: { request: 5_000 } }).catch(
    () => {},
  );
}

async function checkThenConnect(target: string): Promise<void> {
  const { hostname, port } = new URL(target.includes('://') ? target : `smtp://${target}`);
  const addresses = await lookup(hostname, { all: true });
  if (addresses.some(({ address }) => isBlockedAddress(address))) return;
  await new Promise<void>((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) || (target.startsWith('mqtt') ? 1883 : 80) });
    socket.on('error', () => {});
    socket.once('close', () => resolve());
    socket.resume();
  });
}

const guardOf = (allowed: Parameters<typeof isBlockedAddress>[1]): AddressGuard =>
  createAddressGuard({ isBlocked: (address) => isBlockedAddress(address, allowed) });
const { allowedCidrsField } = await import('#destinations/address-rules.ts');
const guarded = openKinds(guardOf([]));
const open = openKinds(guardOf(allowedCidrsField.parse('0.0.0.0/0,::/0')));

const results: SsrfResult[] = [];
process.env.HTTP_PROXY = PROXY;
process.env.http_proxy = PROXY;
process.env.NODE_USE_ENV_PROXY = '1';
for (const attack of SSRF_CASES) {
  setNames();
  const before = redirects;
  const error = await send(guarded, attack);
  results.push({ guarded: newConnections(), error, control: [], redirected: redirects > before });
}
for (const [index, attack] of SSRF_CASES.entries()) {
  setNames();
  await control(attack, open);
  const result = results[index];
  if (result) result.control = newConnections();
}
process.stdout.write(JSON.stringify(results), () => process.exit(0));
