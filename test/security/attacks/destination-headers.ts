import type { Attack } from '../attack.ts';
import { manageDestinations, NOWHERE, resultOf } from '../destinations.ts';

const BREAK = '\r\nX-Injected: 1';
const webhook = (headers: object): [string, object] => ['webhook', { url: NOWHERE, headers }];
const mail = { to: ['a@example.com'], from: 'b@example.com', host: 'smtp.example.com', port: 25, security: 'none' };
const CONFIGS: [kind: string, config: object][] = [
  ...[`a${BREAK}`, 'a\nb', 'a\0b', 'é'].map((value) => webhook({ 'X-A': value })),
  ...[`X-A${BREAK}`, 'X A', 'X-A:', ''].map((name) => webhook({ [name]: 'a' })),
  ...['Host', 'content-length', 'Transfer-Encoding', 'webhook-signature', 'Webhook-Id', 'Connection'].map((name) =>
    webhook({ [name]: '1' }),
  ),
  ['webhook', { url: NOWHERE, content_type: `text/plain${BREAK}` }],
  ['email', { ...mail, to: [`a@example.com${BREAK}`] }],
  ['email', { ...mail, to: ['a@example.com, c@example.com'] }],
  ['email', { ...mail, from: '"a\r\nBcc: c@example.com" <b@example.com>' }],
  ['email', { ...mail, host: `smtp.example.com${BREAK}` }],
  ['ntfy', { topic: '../v1/account' }],
  ['ntfy', { topic: 'a', token: `t${BREAK}` }],
  ['mqtt', { url: 'mqtt://broker.example.com', topic_prefix: '#' }],
  ['mqtt', { url: 'mqtt://broker.example.com', topic_prefix: 'a\0b' }],
  ['mqtt', { url: 'mqtt://user:password@broker.example.com' }],
];

export const attack: Attack = {
  item: 20,
  name: 'line breaks and reserved names in headers, addresses and topics of destinations',
  limit: 'header names and values of RFC 9110, one mailbox per address, no wildcards',
  async run(target) {
    return manageDestinations(target, async ({ send, create }) => {
      const problems: string[] = [];
      for (const [kind, config] of CONFIGS) {
        const { status } = await create(config, { kind });
        if (status !== 422) problems.push(`${kind} ${JSON.stringify(config)} gets ${status}`);
      }
      for (const name of [`a${BREAK}`, 'a\u0000', 'a\u2028b']) {
        const { status } = await create({ url: NOWHERE }, { name });
        if (status !== 422) problems.push(`the name ${JSON.stringify(name)} gets ${status}`);
      }
      const { status } = await send('POST', '/mutes', { store: 'a', duration: '1h', reason: `a${BREAK}` });
      if (status !== 422) problems.push(`a reason with a line break gets ${status}`);
      return resultOf(problems, `${CONFIGS.length} configurations get 422`);
    });
  },
};
