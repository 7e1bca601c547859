import type { Attack } from '../attack.ts';

const FIELDS = 52_000;
const MAX_RESPONSE = 64 * 1024;

export const attack: Attack = {
  item: 5,
  name: `batch with ${FIELDS} unknown fields`,
  limit: '100 reported errors',
  async run({ api, key }) {
    const fields = Array.from({ length: FIELDS }, (_, n) => `"${n.toString(36)}":0`).join();
    const bodies = [`{"alerts":[{${fields}}]}`, `{"alerts":[0],${fields}}`, `{"alerts":[${'{"a":0},'.repeat(499)}0]}`];
    let largest = 0;
    let slowest = 0;
    for (const body of bodies) {
      const startedAt = performance.now();
      const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
      const response = await fetch(`${api}/alerts/batch`, { method: 'POST', headers, body });
      largest = Math.max(largest, (await response.text()).length);
      slowest = Math.max(slowest, performance.now() - startedAt);
    }
    const observed = `responses of at most ${Math.ceil(largest / 1_024)} KiB within ${Math.round(slowest)} ms`;
    return { defended: largest <= 4 * MAX_RESPONSE, observed };
  },
};
