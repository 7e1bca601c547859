import { randomUUID } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { expect, it, onTestFinished } from 'vitest';
import { filtersOf } from '../destinations.ts';
import type { ReceivedRequest } from '../history.ts';
import { type Behaviour, type Receiver, startReceiver } from '../receivers.ts';

const SECRET = `whsec_${Buffer.alloc(32, 'secret').toString('base64')}`;
const BODY = JSON.stringify({ type: 'alert.processed', data: { uuid: '35df2857-3a48-4985-aed0-e68b5ae4c968' } });

async function openReceiver(): Promise<{ receiver: Receiver; received: ReceivedRequest[] }> {
  const received: ReceivedRequest[] = [];
  const receiver = await startReceiver('all-events', received);
  onTestFinished(receiver.close);
  receiver.secret = SECRET;
  return { receiver, received };
}

/** Sends a webhook that the library of the specification signed. Returns the status, or 'cut'. */
async function send(receiver: Receiver, { secret = SECRET, at = new Date(), body = BODY } = {}) {
  const id = randomUUID();
  const headers = {
    'webhook-id': id,
    'webhook-timestamp': `${Math.floor(at.getTime() / 1_000)}`,
    'webhook-signature': new Webhook(secret).sign(id, at, body),
  };
  const response = await fetch(receiver.url, { method: 'POST', headers, body }).catch(() => undefined);
  const text = await response?.text().catch(() => undefined);
  return { id, outcome: text === undefined ? 'cut' : response?.status };
}

it('records a signed request with its alert and the time of its response', async () => {
  const { receiver, received } = await openReceiver();
  const { id, outcome } = await send(receiver);
  expect(outcome).toBe(200);
  const alert = { uuid: '35df2857-3a48-4985-aed0-e68b5ae4c968', event: 'alert.processed' };
  expect(received).toMatchObject([{ id, ...alert, destination: 'all-events', isSigned: true, status: 200 }]);
  expect(received[0]?.respondedAt).toBeGreaterThanOrEqual(received[0]?.at ?? Number.NaN);
});

it('recognizes a signature of another secret, and an old one', async () => {
  const { receiver, received } = await openReceiver();
  await send(receiver, { secret: `whsec_${Buffer.alloc(32, 'other').toString('base64')}` });
  await send(receiver, { at: new Date(Date.now() - 3_600_000) });
  await fetch(receiver.url, { method: 'POST', body: BODY });
  expect(received.map(({ isSigned }) => isSigned)).toEqual([false, false, false]);
});

it.each<[Behaviour, number | string, boolean]>([
  ['error', 500, true],
  ['too many requests', 429, true],
  ['cut header', 'cut', false],
  ['cut body', 'cut', true],
])('responds in this way: %s', async (behaviour, expected, isComplete) => {
  const { receiver, received } = await openReceiver();
  receiver.behaviour = behaviour;
  expect((await send(receiver)).outcome).toBe(expected);
  expect(received[0]?.respondedAt !== undefined).toBe(isComplete);
});

it('lets a request wait until its connection is cut, refuses connections while stopped, and then continues', async () => {
  const { receiver, received } = await openReceiver();
  receiver.behaviour = 'stall';
  const stalled = send(receiver);
  await expect.poll(() => received.length).toBe(1);
  receiver.cutConnections();
  expect((await stalled).outcome).toBe('cut');
  receiver.behaviour = 'accept';
  await receiver.stop();
  expect((await send(receiver)).outcome).toBe('cut');
  await receiver.start();
  expect((await send(receiver)).outcome).toBe(200);
  expect(received.map(({ status }) => status)).toEqual([undefined, 200]);
});

it('has a destination for all events, one for failures and one for some of the stores', () => {
  const [all, failures, some] = filtersOf(3, 10_000);
  expect(all).toMatchObject({ stores: [], events: [] });
  expect(failures).toMatchObject({ stores: [], events: ['alert.failed'] });
  expect(some?.stores.length).toBe(400);
  expect(Buffer.byteLength(JSON.stringify(some))).toBeLessThan(16_384);
  expect(filtersOf(3, 30)[2]?.stores).toEqual(Array.from({ length: 10 }, (_, n) => `chaos-${n * 3}`));
  expect(filtersOf(1, 30)).toHaveLength(1);
});
