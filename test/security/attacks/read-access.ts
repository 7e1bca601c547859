import { randomUUID } from 'node:crypto';
import type { Attack } from '../attack.ts';
import { createKey, manageDestinations, resultOf } from '../destinations.ts';

/** Reads of alerts: a key of one store gets nothing of another one. */
const OF_STORES = [
  '/alerts',
  '/alerts?triage=open',
  '/alerts/export',
  '/alerts/stores',
  '/alerts/events',
  '/stores',
  '/silences',
];
/** Reads of one alert. */
const OF_ALERT = [
  '/alerts/UUID',
  '/alerts/UUID/timeline',
  '/alerts/UUID/comments',
  '/alerts/UUID/picture',
  '/alerts/UUID/copy',
];
/** Reads of the installation: they need manage and all stores. */
const OF_ALL = ['/settings', '/audit', '/backups'];

export const attack: Attack = {
  item: 20,
  name: 'reads of alerts, stores, silences, keys and settings with the wrong key',
  limit: 'every read needs a key; a key of one store reads nothing of another one, and nothing of the installation',
  async run(target) {
    const [operator, harbour, harbourManager] = [
      await createKey(target, 'write,read,operate,metrics'),
      await createKey(target, 'read,operate', '--store', 'harbour'),
      await createKey(target, 'manage', '--store', 'harbour'),
    ];
    return manageDestinations(target, async ({ send }) => {
      const store = `secret-store-${randomUUID()}`;
      const alert = { uuid: randomUUID(), video: '/videos/test_1.avi', timestamp: 1_748_871_320, store };
      await send('POST', '/alerts', alert, operator);
      await send('POST', `/alerts/${alert.uuid}/comments`, { text: store }, operator);
      const problems: string[] = [];
      const expectStatus = async (expected: number, path: string, key: string) => {
        const { status } = await send('GET', path.replace('UUID', alert.uuid), undefined, key);
        if (status !== expected) problems.push(`GET ${path} gets ${status} instead of ${expected}`);
      };
      for (const path of [...OF_STORES, ...OF_ALERT, ...OF_ALL, '/keys']) await expectStatus(401, path, '');
      for (const path of OF_ALERT) await expectStatus(404, path, harbour);
      for (const path of ['/alerts', '/alerts/export']) {
        const { text } = await send('GET', path, undefined, operator);
        if (!text.includes(store)) problems.push(`GET ${path} does not show the alert at all`);
      }
      for (const path of OF_STORES.filter((path) => path !== '/alerts/events')) {
        const { text } = await send('GET', path, undefined, harbour);
        if (text.includes(store)) problems.push(`GET ${path} shows another store`);
      }
      for (const path of OF_ALL)
        for (const key of [operator, harbour, harbourManager]) await expectStatus(403, path, key);
      await expectStatus(403, '/keys', operator);
      const { body } = await send('GET', '/keys', undefined, harbourManager);
      const others = body.data.filter(({ stores }: { stores: string[] }) => stores.join() !== 'harbour');
      if (others.length > 0) problems.push('GET /keys shows keys of other stores');
      const count = OF_STORES.length + OF_ALERT.length + OF_ALL.length + 1;
      return resultOf(problems, `${count} reads without a key get 401; another store is not shown`);
    });
  },
};
