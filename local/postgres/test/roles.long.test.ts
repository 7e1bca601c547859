import { describe, expect, inject, it } from 'vitest';
import { migrate } from '#prisma/migrate.ts';
import { startStack } from '#test/harness/stack.ts';
import { openRoles } from '../roles.ts';
import { useDataFolder } from './data-folder.ts';

const fixture = useDataFolder();

describe('the roles of the embedded PostgreSQL', { timeout: 300_000 }, () => {
  it.each(['postgres', 'redis'] as const)('suffice for api and worker with the queue on %s', async (backend) => {
    if (backend === 'redis' && inject('redisUrl') === null) return;
    await fixture.fill();
    const postgres = await fixture.start();
    const roles = await openRoles(postgres.url, fixture.dataDir);
    await migrate(roles.owner);
    const database = { url: roles.owner, urlFor: () => roles.app };
    const stack = await startStack({ backend, database });
    try {
      // More than ten at once: BullMQ adds them in bulk.
      const uuids = await Promise.all(Array.from({ length: 40 }, () => stack.post()));
      for (const uuid of uuids) expect(await stack.waitUntilNotified(uuid)).toMatchObject({ status: 'processed' });
      const failed = await stack.post({ video: '/videos/broken.mp4' });
      expect(await stack.waitUntilNotified(failed)).toMatchObject({ status: 'failed' });
      expect((await stack.request(`/alerts/${failed}/retry`, { method: 'POST' })).status).toBe(202);
      expect((await stack.request('/readyz')).status).toBe(200);
      expect((await stack.request('/queues/api/queues')).status).toBe(200);
      const logs = [...stack.apis, ...stack.workers].flatMap(({ lines }) => lines);
      expect(logs.filter((line) => /permission denied|42501/.test(line))).toEqual([]);
    } finally {
      await stack.close();
    }
  });
});
