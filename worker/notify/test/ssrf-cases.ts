// Attempts to make a destination connect to an address that is not public. All run in a network namespace in which every
// address, 8.8.8.8 too, is this machine (test/harness/network-namespace.ts).
import type { DnsAnswer } from '#test/harness/dns-server.ts';
import type { DestinationKind } from '../kind.ts';

/** Stands for a public server. */
export const PUBLIC = '8.8.8.8';
export const PUBLIC_V6 = '2606:4700:4700::1111';
/** Of the receiver that redirects; `/?to=…` chooses where to. */
export const REDIRECTOR_PORT = 8000;
/** Where a canary listens. */
export const CANARY_PORTS = [22, 25, 80, 443, 465, 587, 1883, 5432, 6379, 8080, 8883];

/** Answers of the name server. Of several, each lookup gets the next: rebinding. */
export const NAMES: Record<string, DnsAnswer[]> = {
  'public.example': [[PUBLIC]],
  'loopback.example': [['127.0.0.1']],
  'metadata.google.internal': [['169.254.169.254']],
  'private.example': [['10.0.0.5']],
  'shared.example': [['100.64.1.2']],
  'v6.example': [['::1']],
  'unique-local.example': [['fd00:ec2::254']],
  'mapped.example': [['::ffff:a00:1']],
  'nat64.example': [['64:ff9b::a00:1']],
  'zero.example': [['0.0.0.0']],
  'alias.example': [{ cname: 'loopback.example' }],
  'both.example': [[PUBLIC, '127.0.0.1']],
  localhost: [['127.0.0.1']],
  'rebind.example': [[PUBLIC], ['127.0.0.1']],
  'rebind-metadata.example': [[PUBLIC], ['169.254.169.254']],
  'rebind-v6.example': [[PUBLIC_V6], ['::1']],
};

/**
 * How the case is shown to be effective. `allowed`: the same message, while all addresses are allowed. `redirects`: a client
 * that follows redirects. `checks-first`: a client that checks the name and then connects to it. `plain`: a client without
 * any check. `proxy`: a client that uses the environment's proxy.
 */
export type Control = 'allowed' | 'redirects' | 'checks-first' | 'plain' | 'proxy';
export type SsrfCase = { kind: DestinationKind; target: string; control: Control };

const of = (kind: DestinationKind, control: Control, targets: string[]): SsrfCase[] =>
  targets.map((target) => ({ kind, target, control }));

const IPV4 = [
  ...['127.0.0.1', '127.0.0.1:6379', '127.0.0.1:22', '127.0.0.1.', '127.1', '127.0.1', '127.255.255.254'],
  ...['2130706433', '0x7f000001', '0x7f.0.0.1', '0x7f.1', '0177.0.0.1', '017700000001', '0177.0x0.0.1'],
  ...[
    '0.0.0.0',
    '0',
    '0x0',
    '10.0.0.1',
    '10.255.255.255',
    '172.16.0.1',
    '172.31.255.254',
    '192.168.0.1',
    '192.168.1.1:8080',
  ],
  ...['169.254.169.254', '2852039166', '0xa9fea9fe', '0251.0376.0251.0376', '169.254.0.1'],
  ...['100.64.0.1', '100.100.100.200', '100.127.255.254', '192.0.0.192', '192.0.2.1', '198.18.0.1', '198.51.100.1'],
  ...['203.0.113.1', '①②⑦.⓪.⓪.①', '127。0。0。1', '１２７.０.０.１', '%31%32%37.0.0.1'],
];
const IPV6 = [
  ...['::1', '::', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:10.0.0.1', '::ffff:169.254.169.254'],
  ...[
    '64:ff9b::127.0.0.1',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::1',
    '2002:7f00:1::',
    '2002:a9fe:a9fe::1',
    '2001:0:7f00:1::1',
  ],
  ...['fc00::1', 'fd00:ec2::254', 'fd12:3456:789a::1', 'fec0::1', '2001:db8::1', '100::1', '::127.0.0.1'],
];
const NAMED = [
  ...['localhost', 'LOCALHOST:5432', 'localhost.', 'loopback.example', 'metadata.google.internal', 'private.example'],
  ...['private.example.', 'shared.example', 'v6.example', 'unique-local.example', 'mapped.example', 'nat64.example'],
  ...['zero.example', 'alias.example', 'both.example'],
];
const redirect = (status: number, to: string) =>
  `http://${PUBLIC}:${REDIRECTOR_PORT}/?status=${status}&to=${encodeURIComponent(to)}`;

export const SSRF_CASES: SsrfCase[] = [
  ...of(
    'webhook',
    'allowed',
    [...IPV4, ...IPV6.map((each) => `[${each}]`), ...NAMED].map((host) => `http://${host}/`),
  ),
  ...of('webhook', 'allowed', ['https://127.0.0.1/', 'https://[::1]/', 'https://private.example/', 'http:127.0.0.1']),
  ...of('webhook', 'checks-first', [
    'http://rebind.example/',
    'http://rebind-metadata.example/',
    'http://rebind-v6.example/',
  ]),
  ...of('webhook', 'redirects', [
    redirect(301, 'http://127.0.0.1/'),
    redirect(302, 'http://169.254.169.254/latest/meta-data/'),
    redirect(303, 'http://[::1]/'),
    redirect(307, 'http://private.example/'),
    redirect(308, '//127.0.0.1:6379/'),
  ]),
  ...of('webhook', 'plain', [
    `http://${PUBLIC}@127.0.0.1/`,
    `http://${PUBLIC}:80@127.0.0.1:6379/`,
    'http://public.example%2f@127.0.0.1/',
    'http://a:b@localhost/',
  ]),
  ...of('webhook', 'proxy', ['http://public.example/']),
  ...of('ntfy', 'allowed', [
    'http://127.0.0.1/',
    'http://private.example:8080/',
    'http://[::1]/',
    'http://2130706433/',
  ]),
  ...of('ntfy', 'redirects', [redirect(307, 'http://127.0.0.1/')]),
  ...of('ntfy', 'checks-first', ['http://rebind.example/']),
  ...of('slack', 'allowed', ['http://127.0.0.1/', 'http://metadata.google.internal/']),
  ...of('teams', 'allowed', ['http://private.example/', 'http://[::ffff:10.0.0.1]/']),
  ...of('discord', 'allowed', ['http://[::1]/', 'http://both.example/']),
  ...of('email', 'allowed', [
    ...['127.0.0.1:25', 'localhost:25', '[::1]:587', 'private.example:587', '2130706433:25', '0x7f.1:587', '127.1:25'],
    ...['169.254.169.254:465', 'v6.example:465', 'both.example:25', '[::ffff:127.0.0.1]:25', 'localhost.:6379'],
  ]),
  ...of('email', 'checks-first', ['rebind.example:25']),
  ...of('mqtt', 'allowed', [
    ...['mqtt://127.0.0.1', 'mqtt://localhost:1883', 'mqtts://private.example', 'mqtt://[::1]', 'mqtt://2130706433'],
    ...[
      'mqtt://0x7f.0.0.1',
      'mqtt://127.1:6379',
      'mqtt://[::ffff:127.0.0.1]',
      'mqtt://alias.example',
      'mqtts://[fd00::1]',
    ],
  ]),
  ...of('mqtt', 'checks-first', ['mqtt://rebind.example']),
];
