import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { filterSchema, groupSchema } from '../events.ts';
import { type DestinationKind, joinSecrets, KINDS, kindSchemas, splitSecrets } from '../kinds.ts';

const EMAIL = { to: ['a@b.example'], from: 'c@b.example', host: 'mail.example', port: 587, security: 'starttls' };

const VALID: [DestinationKind, object, string[]][] = [
  ['webhook', { url: 'https://a.example/x?y=1' }, []],
  [
    'webhook',
    {
      url: 'http://a.example',
      headers: { 'X-Key': 'secret' },
      template: '{{ x }}',
      content_type: 'text/plain; charset=utf-8',
    },
    ['headers'],
  ],
  ['email', { ...EMAIL, user: 'u', password: 'p' }, ['password']],
  ['ntfy', { topic: 'alerts', token: 'tk_1', priority: 5 }, ['token']],
  ['slack', { url: 'https://hooks.example/T/B/x' }, ['url']],
  ['teams', { url: 'https://hooks.example/x' }, ['url']],
  ['discord', { url: 'https://hooks.example/x' }, ['url']],
  ['mqtt', { url: 'mqtts://broker.example:8883', user: 'u', password: 'p', retain: false }, ['password']],
];

const INVALID: [DestinationKind, object, string, string][] = [
  ...KINDS.map((kind): [DestinationKind, object, string, string] => [
    kind,
    { other: 1 },
    '',
    'Unrecognized key: "other"',
  ]),
  ['webhook', { url: 'ftp://a.example' }, 'url', 'https:// or http://'],
  ['webhook', { url: '/path' }, 'url', 'absolute URL'],
  ['webhook', { url: 'https://u:p@a.example' }, 'url', 'user name or password'],
  ['webhook', { url: `https://a.example/${'x'.repeat(2_048)}` }, 'url', '2048'],
  ['webhook', { url: 'https://a.example', headers: { 'webhook-id': 'x' } }, 'headers/webhook-id', 'set by the sender'],
  ['webhook', { url: 'https://a.example', headers: { Host: 'x' } }, 'headers/Host', 'set by the sender'],
  ['webhook', { url: 'https://a.example', headers: { a: 'x\r\nb: y' } }, 'headers/a', 'printable ASCII'],
  ['webhook', { url: 'https://a.example', headers: { 'a b': 'x' } }, 'headers/a b', 'header'],
  ['webhook', { url: 'https://a.example', template: 'x'.repeat(16_385) }, 'template', '16384'],
  ['email', { ...EMAIL, to: [] }, 'to', 'empty'],
  ['email', { ...EMAIL, to: Array(51).fill('a@b.example') }, 'to', '50'],
  ['email', { ...EMAIL, to: ['a@b.example\r\nBcc: c@d.example'] }, 'to/0', 'e-mail'],
  ['email', { ...EMAIL, port: 0 }, 'port', 'port'],
  ['email', { ...EMAIL, security: 'ssl' }, 'security', 'starttls'],
  ['email', { ...EMAIL, security: 'none', user: 'u', password: 'p' }, 'security', 'without TLS'],
  ['ntfy', { topic: 'a/b' }, 'topic', 'letters'],
  ['ntfy', { topic: 'a', priority: 6 }, 'priority', '1 to 5'],
  ['mqtt', { url: 'https://a.example' }, 'url', 'mqtts://'],
  ['mqtt', { url: 'mqtt://a.example', topic_prefix: 'a/#' }, 'topic_prefix', 'wildcards'],
];

describe('the configuration of a destination', () => {
  it.each(VALID)('of kind %s may be %j', (kind, config, secretFields) => {
    const parsed = kindSchemas[kind].parse(config);
    const split = splitSecrets(kind, parsed);
    expect(Object.keys(split.secrets)).toEqual(secretFields);
    expect(Object.keys(split.config).filter((name) => secretFields.includes(name))).toEqual([]);
    expect(joinSecrets(kind, split.config, split.secrets)).toEqual(parsed);
  });

  it.each(INVALID)('of kind %s may not be %j', (kind, config, path, message) => {
    const { error } = kindSchemas[kind].safeParse(config);
    const found = error?.issues.map((issue) => `${issue.path.join('/')}: ${issue.message}`) ?? [];
    expect(found.filter((each) => each.startsWith(`${path}: `)).join('\n')).toContain(message);
  });

  it('has defaults', () => {
    expect(kindSchemas.ntfy.parse({ topic: 'a' }).server).toBe('https://ntfy.sh');
    const mqtt = kindSchemas.mqtt.parse({ url: 'mqtt://a.example' });
    expect(mqtt).toMatchObject({ topic_prefix: 'video-alerts', retain: true, home_assistant: false });
  });
});

describe('filter and group', () => {
  const filter = filterSchema(z.enum(['video_timeout']));

  it('match everything and wait 30 s by default', () => {
    expect(filter.parse({})).toEqual({ stores: [], events: [], failure_codes: [] });
    expect(filter.parse({ stores: ['a', 'a'] }).stores).toEqual(['a']);
    expect(groupSchema.parse({ by: 'store' })).toEqual({ by: 'store', wait_s: 30, interval_s: 300 });
  });

  it.each([
    { events: ['test'] },
    { events: ['alert.other'] },
    { stores: [''] },
    { stores: ['a\nb'] },
    { failure_codes: ['other'] },
    { store: [] },
  ])('a filter is not %j', (value) => {
    expect(filter.safeParse(value).success).toBe(false);
  });

  it.each([
    {},
    { by: 'camera' },
    { by: 'store', wait_s: 3_601 },
    { by: 'store', interval_s: -1 },
    { by: 'store', wait_s: 1.5 },
  ])('a group is not %j', (value) => {
    expect(groupSchema.safeParse(value).success).toBe(false);
  });
});
