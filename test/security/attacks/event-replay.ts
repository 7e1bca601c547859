import { waitFor } from '#test/harness/wait.ts';
import type { Attack } from '../attack.ts';
import { highestCount } from '../database.ts';

const ROWS = 50_000;
const READERS = 24;
const STORE = 'security-replay';
const REPLAYS = `SELECT count(*) FROM pg_stat_activity
  WHERE state = 'active' AND query LIKE '%scanned AS MATERIALIZED%' AND pid <> pg_backend_pid()`;

export const attack: Attack = {
  item: 6,
  name: `${READERS} replays from the start with a key for one store, ${ROWS} changes of another`,
  limit: 'one connection per process',
  async run(target) {
    const { api, apiProcesses, key, sql, keys } = target;
    await sql(`INSERT INTO alerts (uuid, video, store, timestamp, request_id, updated_at, status)
      SELECT gen_random_uuid(), '/a.mp4', '${STORE}', n, 'r', now(), 'failed' FROM generate_series(1, ${ROWS}) n`);
    const readers = new AbortController();
    try {
      const other = await keys(
        'create',
        '--name',
        'replay',
        '--scope',
        'read',
        '--store',
        'another',
        '--expires',
        '1h',
      );
      const headers = { authorization: `Bearer ${other.trim()}`, 'last-event-id': '0.0' };
      const open = () => fetch(`${api}/alerts/events`, { headers, signal: readers.signal });
      const sampled = highestCount(target, REPLAYS, 5);
      const streams = await Promise.all(Array.from({ length: READERS }, open));
      for (const { body } of streams) body?.pipeTo(new WritableStream()).catch(() => {}); // ended by us
      let slowest = 0;
      let answered = 0;
      const alerts = async () => {
        const startedAt = performance.now();
        const options = { headers: { authorization: `Bearer ${key}` }, signal: AbortSignal.timeout(30_000) };
        const response = await fetch(`${api}/alerts?limit=1`, options);
        await response.text();
        if (response.status === 200) answered += 1;
        slowest = Math.max(slowest, performance.now() - startedAt);
      };
      for (let n = 0; n < 20; n += 1) await alerts();
      const most = await sampled;
      const accepted = streams.filter(({ status }) => status === 200).length;
      return {
        defended: accepted > 0 && most <= apiProcesses && answered === 20,
        observed: `${accepted} replays use ${most} connections; other reads take at most ${Math.round(slowest)} ms`,
      };
    } finally {
      readers.abort();
      await sql(`DELETE FROM alerts WHERE store = '${STORE}'`);
      await waitFor(async () => (await fetch(`${api}/readyz`)).ok, { timeoutMs: 30_000, what: 'the api' });
    }
  },
};
