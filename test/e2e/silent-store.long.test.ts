import pg from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { startReceiver } from '#test/harness/receiver.ts';
import { createStack, type Stack } from '#test/harness/stack.ts';

/** The check runs every 30 s. */
const POLL = { timeout: 400_000, interval: 500 };

it('reports a silent store to a webhook, in GET /silences and as a metric, and its return', {
  timeout: 900_000,
}, async () => {
  const receiver = await startReceiver();
  onTestFinished(receiver.close);
  const SECRETS_KEY = Buffer.alloc(32, 'silence').toString('base64');
  const env = { SECRETS_KEY, DESTINATION_ALLOW_CIDRS: '127.0.0.1/32', SILENCE_GRACE: '1m', PICTURES: 'off' };
  const stack = await createStack({ env });
  onTestFinished(stack.close);
  // Before the start: the worker reads the baselines once.
  await learned(stack);
  await stack.start();
  const created = await stack.request('/destinations', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      ...{ name: 'silences', kind: 'webhook', config: { url: `${receiver.url}/` } },
      filter: { events: ['store.silent', 'store.back'] },
    }),
  });
  expect(created.status).toBe(201);

  const busy = setInterval(() => stack.post({ store: 'busy' }).catch(() => {}), 1_000);
  onTestFinished(() => clearInterval(busy));
  await expect.poll(() => bodies(receiver.received), POLL).toHaveLength(1);
  const [silent] = bodies(receiver.received);
  expect(silent).toMatchObject({ type: 'store.silent', data: { store: 'quiet', camera: null } });
  expect(silent.data.expected).toBeGreaterThan(100);
  expect(await openSilences(stack)).toMatchObject([{ store: 'quiet', camera: null, ended_at: null }]);
  await expect.poll(() => metric(stack), POLL).toBe(1);

  await stack.post({ store: 'quiet' });
  await expect.poll(() => bodies(receiver.received), POLL).toHaveLength(2);
  expect(bodies(receiver.received)[1]).toMatchObject({ type: 'store.back', data: { store: 'quiet' } });
  expect(await openSilences(stack)).toEqual([]);
  await expect.poll(() => metric(stack), POLL).toBe(0);
});

/** Inserts what a worker would have learned in weeks: both stores send 10,000 alerts an hour, and have just sent one. */
async function learned({ databaseUrl }: Stack): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  onTestFinished(() => client.end());
  await client.query(`
    INSERT INTO store_baselines (store, camera, first_at, last_alert_at, learned_until, rates)
    SELECT store, '', now() - interval '60 days', now(), date_trunc('hour', now()), array_fill(10000::real, ARRAY[168])
    FROM unnest(ARRAY['quiet', 'busy']) store`);
  await client.query(`
    INSERT INTO silence_state (learned_until) VALUES (date_trunc('hour', now()))
    ON CONFLICT (id) DO UPDATE SET learned_until = EXCLUDED.learned_until`);
}

function bodies(received: { body: string }[]) {
  return received.map(({ body }) => JSON.parse(body));
}

async function openSilences(stack: Stack): Promise<unknown> {
  return Object(await (await stack.request('/silences')).json()).data;
}

async function metric({ opsUrl }: Stack): Promise<number> {
  const text = await (await fetch(`${opsUrl}/metrics`)).text();
  return Number(/^alerts_silent_stores (\S+)$/m.exec(text)?.[1]);
}
