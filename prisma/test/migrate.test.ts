import { expect, it } from 'vitest';
import { migrate } from '../migrate.ts';
import { createTestDatabase } from './test-database.ts';

it('applying twice changes nothing', async () => {
  const database = await createTestDatabase({ empty: true });
  expect(await migrate(database.url)).toEqual({ applied: ['20261122000000_alerts'] });
  expect(await migrate(database.url)).toEqual({ applied: [] });
  await database.drop();
});
