import type { Attack } from '../attack.ts';

const PATHS = [
  '/queues',
  '/queues/api/queues',
  '/queues/nothing',
  '/nothing',
  '/alerts/none',
  '/alerts?limit=0',
  '/alerts',
  '/alerts/export',
  '/alerts?triage=mine',
  '/stores',
  '/silences',
  '/keys',
  '/settings',
];

export const attack: Attack = {
  item: 13,
  name: 'responses kept by a shared cache',
  limit: 'Cache-Control of every response is private or no-store',
  async run({ api, key }) {
    const cacheable: string[] = [];
    for (const path of PATHS) {
      const response = await fetch(api + path, { headers: { authorization: `Bearer ${key}` } });
      await response.text();
      if (!/private|no-store/.test(response.headers.get('cache-control') ?? '')) cacheable.push(path);
    }
    const observed =
      cacheable.length === 0 ? `${PATHS.length} responses are private` : `cacheable: ${cacheable.join(', ')}`;
    return { defended: cacheable.length === 0, observed };
  },
};
