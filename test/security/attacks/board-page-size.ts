import { type Attack, otherClientMs } from '../attack.ts';

export const attack: Attack = {
  item: 1,
  name: 'Bull Board with jobsPerPage=1000000, 20 at a time',
  limit: '100 jobs per page, 2 reads at a time per process',
  async run(target) {
    const { api, key } = target;
    const headers = { authorization: `Bearer ${key}` };
    const url = `${api}/queues/api/queues?activeQueue=alerts&status=latest&page=1&jobsPerPage=1000000`;
    const statuses = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const response = await fetch(url, { headers });
        await response.text();
        return response.status;
      }),
    );
    const page = await fetch(url, { headers }).then((response) => response.text());
    const end = Number(/"end":(\d+)/.exec(page)?.[1]);
    const ms = await otherClientMs(target);
    const expected = statuses.every((status) => status === 200 || status === 429);
    return {
      defended: expected && end < 100 && ms <= 1_000,
      observed: `a page has ${end + 1} jobs; another address waits ${ms} ms`,
    };
  },
};
