import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { migrate } from '#prisma/migrate.ts';
import { freePort } from '#test/harness/ports.ts';
import { startPostgresCluster } from '#test/harness/postgres-cluster.ts';
import { type Stack, startStack } from '#test/harness/stack.ts';
import { createStackClient } from '#test/harness/stack-client.ts';

const OPTIONS = { timeout: 600_000 };
const PATIENTLY = { timeout: 240_000, interval: 100 };

type Client = Pick<Stack, 'request'>;

const gaugeOf = async ({ request }: Client, name: string) => {
  const text = await (await request('/metrics')).text();
  const value = new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'm').exec(text)?.[1];
  return value === undefined ? undefined : Number(value);
};
const isUsed = (api: Client) => gaugeOf(api, 'database_replica_used');

const listed = async ({ request }: Client, headers = {}) => {
  const response = await request('/alerts?limit=200', { headers });
  if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
  return ((await response.json()) as { data: { uuid: string }[] }).data.map(({ uuid }) => uuid); // the form of openapi.json
};

const checkOf = async ({ request }: Client) => {
  const response = await request('/readyz');
  const { status, checks } = (await response.json()) as { status: string; checks: Record<string, string> };
  return { code: response.status, status, replica: checks.replica };
};

/** Starts two apis with a replica: one accepts a lag of 5 s, the other one of 10 minutes. */
async function startFixture() {
  const { primary, standby, close } = await startPostgresCluster({ synchronous: false });
  onTestFinished(() => close());
  await migrate(primary.url);
  const stack = await startStack({ database: { url: primary.url }, env: { DATABASE_REPLICA_URL: standby.url } });
  onTestFinished(() => stack.close());
  const port = await freePort();
  const patient = stack.addService('patient-api', 'api/index.ts', { PORT: `${port}`, REPLICA_MAX_LAG: '10m' });
  await patient.start();
  const patientApi = createStackClient(`http://127.0.0.1:${port}`);
  for (const api of [stack, patientApi]) await expect.poll(() => isUsed(api), PATIENTLY).toBe(1);
  return { primary, standby, stack, patientApi };
}

it(
  'lists come from the replica unless it lags more than REPLICA_MAX_LAG, and a GET after a POST never does',
  OPTIONS,
  async () => {
    const { standby, stack, patientApi } = await startFixture();
    const first = await stack.post();
    for (const api of [stack, patientApi]) await expect.poll(() => listed(api), PATIENTLY).toEqual([first]);
    expect(await checkOf(stack)).toMatchObject({ code: 200, status: 'ready', replica: 'ok' });

    await standby.set('recovery_min_apply_delay', '5min');
    const second = await stack.post();
    // The patient one reads what the replica has. A single alert is read from the primary.
    expect(await listed(patientApi)).toEqual([first]);
    expect(await listed(patientApi, { 'cache-control': 'no-cache' })).toEqual([second, first]);
    expect((await patientApi.request(`/alerts/${second}`)).status).toBe(200);
    const waited = await patientApi.request(`/alerts/${second}`, { headers: { prefer: 'wait=1' } });
    expect(waited.status).toBe(200);

    await expect.poll(() => isUsed(stack), PATIENTLY).toBe(0);
    expect(await gaugeOf(stack, 'database_replica_lag_seconds')).toBeGreaterThan(5);
    expect(await listed(stack)).toEqual([second, first]);
    expect(await listed(patientApi)).toEqual([first]);
    const check = await checkOf(stack);
    expect(check).toMatchObject({ code: 200, status: 'degraded' });
    expect(check.replica).toMatch(/^the replica lags [\d.]+ s behind, REPLICA_MAX_LAG is 5 s$/);

    await standby.set('recovery_min_apply_delay', '0');
    await expect.poll(() => isUsed(stack), PATIENTLY).toBe(1);
    expect(await listed(stack)).toEqual([second, first]);
  },
);

it.each(['kill', 'freeze'] as const)(
  'no list fails while the replica is gone, and it is used again: %s',
  OPTIONS,
  async (how) => {
    const { standby, stack } = await startFixture();
    const uuid = await stack.post();
    await expect.poll(() => listed(stack), PATIENTLY).toEqual([uuid]);
    const requests = { stop: false, count: 0, slowest: 0 };
    const reading = (async () => {
      while (!requests.stop) {
        const start = performance.now();
        expect(await listed(stack)).toEqual([uuid]);
        requests.slowest = Math.max(requests.slowest, performance.now() - start);
        requests.count += 1;
        await sleep(20);
      }
    })();
    try {
      await standby[how]();
      await expect.poll(() => isUsed(stack), PATIENTLY).toBe(0);
      const before = requests.count;
      await expect.poll(() => requests.count, PATIENTLY).toBeGreaterThan(before + 20);
      await (how === 'kill' ? standby.start() : standby.thaw());
      await expect.poll(() => isUsed(stack), PATIENTLY).toBe(1);
    } finally {
      requests.stop = true;
      await reading;
    }
    process.stdout.write(
      `replica, ${how}: ${requests.count} lists, 0 failed, the slowest took ${requests.slowest.toFixed(0)} ms\n`,
    );
  },
);

it('a promoted replica is a database of its own, and is not used', OPTIONS, async () => {
  const { standby, stack } = await startFixture();
  await standby.query('SELECT pg_promote(true, 60)');
  await expect.poll(() => isUsed(stack), PATIENTLY).toBe(0);
  expect((await checkOf(stack)).replica).toBe('DATABASE_REPLICA_URL names a server that is not a replica');
});
