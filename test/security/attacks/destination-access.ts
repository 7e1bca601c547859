import { randomUUID } from 'node:crypto';
import type { Attack } from '../attack.ts';
import { createKey, manageDestinations, NOWHERE, resultOf, until } from '../destinations.ts';

const CHANGES: [method: string, path: string, body?: object][] = [
  ['POST', '/destinations', { name: 'intruder', kind: 'webhook', config: { url: 'https://example.com/' } }],
  ['PATCH', '/destinations/ID', { enabled: true }],
  ['DELETE', '/destinations/ID'],
  ['POST', '/destinations/ID/test'],
  ['POST', '/destinations/ID/rotate-secret'],
  ['POST', '/deliveries/DELIVERY/retry'],
  ['POST', '/deliveries/retry', {}],
  ['POST', '/mutes', { store: 'harbour', duration: '1h', reason: 'intruder' }],
  ['DELETE', '/mutes/MUTE'],
];
const READS = ['/destinations', '/destinations/ID', '/deliveries', '/deliveries/DELIVERY', '/mutes'];

export const attack: Attack = {
  item: 16,
  name: 'destinations, deliveries and mutes with the wrong key',
  limit: 'changes need manage; a key of one store reads only its deliveries and mutes',
  async run(target) {
    const [operator, harbour] = [
      await createKey(target, 'write,read,operate,metrics'),
      await createKey(target, 'read', '--store', 'harbour'),
    ];
    return manageDestinations(target, async ({ send, create }) => {
      const { body: destination } = await create({ url: NOWHERE });
      const alert = { uuid: randomUUID(), video: '/videos/test_1.avi', timestamp: 1_748_871_320, store: 'station' };
      await send('POST', '/alerts', alert, operator);
      const path = `/deliveries?destination=${destination.id}`;
      const recorded = await until(
        () => send('GET', path),
        ({ body }) => body.data.length === 1,
      );
      const mute = (await send('POST', '/mutes', { store: 'station', duration: '1h', reason: 'attack' })).body;
      const delivery = recorded.body.data[0].id;
      const fill = (text: string) =>
        text.replace('ID', destination.id).replace('DELIVERY', delivery).replace('MUTE', mute.id);
      const problems: string[] = [];
      const expectStatus = async (expected: number, method: string, url: string, body?: object, key = '') => {
        const { status } = await send(method, fill(url), body, key);
        if (status !== expected) problems.push(`${method} ${url} gets ${status} instead of ${expected}`);
      };
      for (const [method, url, body] of CHANGES) {
        await expectStatus(401, method, url, body);
        for (const key of [operator, harbour]) await expectStatus(403, method, url, body, key);
      }
      for (const url of READS) await expectStatus(401, 'GET', url);
      await expectStatus(404, 'GET', '/deliveries/DELIVERY', undefined, harbour);
      for (const url of [path, '/mutes']) {
        const { text } = await send('GET', url, undefined, harbour);
        if (text.includes(alert.uuid) || text.includes(mute.id)) problems.push(`${url} shows another store`);
      }
      if ((await send('GET', fill('/destinations/ID'))).body.enabled !== false) problems.push('it was changed');
      await send('DELETE', `/mutes/${mute.id}`);
      return resultOf(problems, `${3 * CHANGES.length} changes get 401 or 403; another store is not shown`);
    });
  },
};
