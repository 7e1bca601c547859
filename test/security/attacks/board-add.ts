import type { Attack } from '../attack.ts';

export const attack: Attack = {
  item: 9,
  name: 'job added on Bull Board with a delay of ten years',
  limit: 'the action add is disabled',
  async run({ api, key }) {
    const response = await fetch(`${api}/queues/api/queues/alerts/add`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'alert', data: {}, options: { delay: 315_360_000_000 } }),
    });
    return { defended: response.status === 404 || response.status === 403, observed: `status ${response.status}` };
  },
};
