import { type Attack, otherClientMs } from '../attack.ts';
import { manageDestinations, NOWHERE, resultOf } from '../destinations.ts';

const MAX_RESPONSE = 64 * 1024;
const many = (count: number) => Array.from({ length: count }, (_, n) => n.toString(36));

/** Bodies within 16 KiB that cost more than they should if no limit applies. */
const COSTLY = [
  `{"name":"a","kind":"webhook","config":${'{"a":'.repeat(2_600)}0${'}'.repeat(2_600)}}`,
  `{"name":"a","kind":"webhook","config":{${many(2_000).map((name) => `"${name}":0`)}}}`,
  JSON.stringify({ name: 'a', kind: 'webhook', config: { url: NOWHERE }, filter: { events: many(2_500) } }),
  JSON.stringify({
    name: 'a',
    kind: 'webhook',
    config: { url: NOWHERE, headers: Object.fromEntries(many(1_500).map((name) => [name, '0'])) },
  }),
  `{"__proto__":{"enabled":true},"name":"a","kind":"__proto__","config":{"constructor":{}}}`,
];

export const attack: Attack = {
  item: 18,
  name: 'oversized and nested bodies of destinations, deliveries and mutes',
  limit: '16 KiB; strict objects; 100 reported errors',
  async run(target) {
    return manageDestinations(target, async ({ send, create }) => {
      const { body: destination } = await create({ url: NOWHERE });
      const problems: string[] = [];
      const paths = [
        'POST /destinations',
        `PATCH /destinations/${destination.id}`,
        'POST /mutes',
        'POST /deliveries/retry',
      ];
      for (const each of paths) {
        const [method = '', path = ''] = each.split(' ');
        const { status } = await send(method, path, JSON.stringify({ reason: 'x'.repeat(1_000_000) }));
        if (status !== 413) problems.push(`1 MB to ${each} gets ${status}`);
        for (const body of COSTLY) {
          const reply = await send(method, path, body);
          if (reply.status !== 422) problems.push(`${body.slice(0, 40)}… to ${each} gets ${reply.status}`);
          if (reply.text.length > MAX_RESPONSE) problems.push(`a response of ${reply.text.length} bytes`);
        }
      }
      const other = await otherClientMs(target);
      if (other > 1_000) problems.push(`another client waits ${other} ms`);
      return resultOf(problems, '413 and 422 with small responses');
    });
  },
};
