import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Receiver, startReceiver } from '#test/harness/receiver.ts';
import { type Stack, startStack } from '#test/harness/stack.ts';
import { newAlert } from '../../test/test-api.ts';
import { newDestination, type Sent, send as sendTo } from './destination-client.ts';

// The routes with a real worker and receiver.

const POLL = { timeout: 300_000, interval: 100 };
const LIMIT_MS = 180_000;
const LOOPBACK = '127.0.0.0/8';

let stack: Stack;
let receiver: Receiver;
beforeAll(async () => {
  receiver = await startReceiver();
  const env = {
    SECRETS_KEY: randomBytes(32).toString('base64'),
    DESTINATION_ALLOW_CIDRS: LOOPBACK,
    DELIVERY_TIMEOUT_MS: '2000',
  };
  stack = await startStack({ env });
}, LIMIT_MS);
afterAll(async () => {
  await stack?.close();
  await receiver?.close();
}, LIMIT_MS);

const send = (method: string, path: string, body?: unknown): Promise<Sent> =>
  sendTo({ url: stack.apiUrl }, method, path, body);

/** Returns a new webhook. By default it gets tests only: no alert is of its store. */
async function create(changes: Record<string, unknown> = {}) {
  const config = { url: `${receiver.url}/${Math.random()}`, headers: { 'X-Token': 'hunter2' } };
  return (await send('POST', '/destinations', newDestination({ config, filter: { stores: ['none'] }, ...changes })))
    .body;
}

const receivedBy = ({ config }: { config: { url: string } }) =>
  receiver.received.filter(({ url }) => config.url.endsWith(url));

/** Sends an alert whose video does not exist. Returns its uuid. */
async function failAlert(store: string): Promise<string> {
  const alert = newAlert({ store, video: '/videos/nowhere.avi', timestamp: Date.now() / 1_000 });
  expect((await send('POST', '/alerts', alert)).status).toBe(202);
  return alert.uuid;
}

async function deliveryOf(alert: string) {
  return (await send('GET', `/deliveries?alert=${alert}`)).body.data[0];
}

describe('a test', { timeout: LIMIT_MS }, () => {
  it('shows the response, and says why nothing was delivered', async () => {
    const destination = await create();
    receiver.trust(destination.signing_secret);
    receiver.behave({ status: 200, body: '<b>thanks</b>' });
    const path = `/destinations/${destination.id}/test`;
    const delivered = await send('POST', path);
    expect(delivered).toMatchObject({
      ...{ status: 200, body: { delivered: true, status: 200, body: '<b>thanks</b>', error: null } },
    });
    expect(receivedBy(destination)).toMatchObject([
      { verified: true, headers: { 'webhook-id': delivered.body.delivery, 'x-token': 'hunter2' } },
    ]);
    receiver.behave({ status: 500, body: 'out of order' });
    expect((await send('POST', path)).body).toMatchObject({
      ...{ delivered: false, status: 500, body: 'out of order', error: expect.stringContaining('500') },
    });
    receiver.behave({ status: 302, headers: { location: '/elsewhere' } });
    expect((await send('POST', path)).body).toMatchObject({ delivered: false, status: 302 });
    receiver.behave('stall');
    expect((await send('POST', path)).body).toMatchObject({
      delivered: false,
      status: null,
      error: expect.any(String),
    });
    receiver.behave({ status: 204 });
    await send('PATCH', `/destinations/${destination.id}`, { enabled: false });
    expect((await send('POST', path)).body).toMatchObject({ delivered: true, status: 204 });
  });

  it('is not sent to a blocked address, which the worker checks by itself', async () => {
    await stack.workers[0]?.stop();
    const worker = stack.addService('strict worker', 'worker/index.ts', { DESTINATION_ALLOW_CIDRS: '', OPS_PORT: '0' });
    await worker.start();
    const destination = await create();
    const before = receiver.connections;
    const { body } = await send('POST', `/destinations/${destination.id}/test`);
    expect(body).toMatchObject({ delivered: false, status: null, error: expect.stringMatching(/address/) });
    expect(receiver.connections).toBe(before);
    await worker.stop();
    await stack.workers[0]?.start();
  });

  it('returns 202 if no worker sends it in time', async () => {
    const destination = await create();
    await stack.workers[0]?.stop();
    const waiting = await send('POST', `/destinations/${destination.id}/test`);
    expect(waiting).toMatchObject({ status: 202, body: { event: 'test', status: 'pending' } });
    await stack.workers[0]?.start();
    const location = waiting.headers.get('location') ?? '';
    await expect.poll(async () => (await send('GET', location)).body.status, POLL).toBe('delivered');
  });
});

describe('signatures', { timeout: LIMIT_MS }, () => {
  it('are of both secrets after a rotation', async () => {
    const destination = await create();
    const rotated = (await send('POST', `/destinations/${destination.id}/rotate-secret`)).body;
    for (const secret of [destination.signing_secret, rotated.signing_secret]) {
      receiver.trust(secret);
      await send('POST', `/destinations/${destination.id}/test`);
      expect(receivedBy(destination).at(-1)).toMatchObject({ verified: true });
    }
  });
});

describe('deliveries', { timeout: LIMIT_MS }, () => {
  it('wait while the destination is disabled, and are sent oldest first when it is enabled', async () => {
    const destination = await create({ filter: { stores: ['backlog'] }, enabled: false });
    const uuids: string[] = [];
    for (let n = 0; n < 3; n += 1) {
      const uuid = await failAlert('backlog');
      uuids.push(uuid);
      await expect.poll(async () => (await deliveryOf(uuid))?.status, POLL).toBe('pending');
    }
    expect((await send('GET', `/destinations/${destination.id}`)).body.health).toMatchObject({
      state: 'disabled',
      pending: 3,
    });
    expect(receivedBy(destination)).toEqual([]);
    await send('PATCH', `/destinations/${destination.id}`, { enabled: true });
    for (const uuid of uuids) await expect.poll(async () => (await deliveryOf(uuid)).status, POLL).toBe('delivered');
    const bodies = receivedBy(destination).map(({ body }) => JSON.parse(body).data.uuid);
    expect(bodies).toEqual(uuids);
  });

  it('are muted and counted, and not sent after the mute', async () => {
    const destination = await create({ filter: { stores: ['muted', 'loud'] } });
    const mute = (await send('POST', '/mutes', { store: 'muted', duration: '1h', reason: 'works' })).body;
    const [muted, loud] = [await failAlert('muted'), await failAlert('loud')];
    await expect.poll(async () => (await deliveryOf(loud))?.status, POLL).toBe('delivered');
    await expect.poll(async () => (await deliveryOf(muted))?.status, POLL).toBe('muted');
    expect((await deliveryOf(muted)).mute).toBe(mute.id);
    expect((await send('GET', '/mutes')).body.data).toMatchObject([{ id: mute.id, muted: 1 }]);
    await send('DELETE', `/mutes/${mute.id}`);
    const after = await failAlert('muted');
    await expect.poll(async () => (await deliveryOf(after))?.status, POLL).toBe('delivered');
    expect((await deliveryOf(muted)).status).toBe('muted');
    expect(receivedBy(destination)).toHaveLength(2);
  });

  it('leave no secret in the output of api and worker', () => {
    const lines = [...stack.apis, ...stack.workers].flatMap(({ lines: output }) => output);
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.join('\n')).not.toMatch(/hunter2|whsec_/);
  });
});
