import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Receiver, startReceiver } from '#test/harness/receiver.ts';
import { eventJson } from '../event-json.ts';
import { createHttpSender } from '../http-sender.ts';
import type { Message } from '../kind.ts';
import { type WebhookConfig, webhookKind } from '../webhook.ts';
import {
  ALERT,
  contextOf,
  FAILED,
  failureOf,
  HOSTILE,
  MESSAGES,
  messageOf,
  openGuard,
  PICTURE_LINK,
} from './sending.ts';

const newSecret = () => `whsec_${randomBytes(32).toString('base64')}`;
const secret = newSecret();

let receiver: Receiver;
const http = createHttpSender(openGuard());
const webhook = webhookKind(http);

beforeAll(async () => {
  receiver = await startReceiver();
});
afterEach(() => receiver.trust(secret));
afterAll(async () => {
  http.close();
  await receiver.close();
});

async function send(config: Partial<WebhookConfig>, message: Message = messageOf('processed')) {
  receiver.trust(...(config.signing_secret ? [config.signing_secret.secret] : [secret]));
  await webhook.send({ url: `${receiver.url}/hook?a=b`, signing_secret: { secret }, ...config }, message, contextOf());
  const last = receiver.received.at(-1);
  if (!last) throw new Error('nothing arrived');
  return last;
}

describe('a webhook', () => {
  it.each(Object.keys(MESSAGES))(
    'of %s is verified by the specification’s library and is below 20 kB',
    async (name) => {
      const message = messageOf(name);
      const request = await send({}, message);
      expect(request).toMatchObject({ method: 'POST', url: '/hook?a=b', verified: true });
      expect(request.headers).toMatchObject({ 'content-type': 'application/json', 'webhook-id': message.id });
      expect(Buffer.byteLength(request.body)).toBeLessThan(20_000);
      expect(JSON.parse(request.body)).toMatchObject({
        type: message.event,
        timestamp: message.createdAt.toISOString(),
      });
    },
  );

  it('about a silence has the store, the camera and what is usual as its data', async () => {
    const since = '2025-06-02T10:12:40.000Z';
    const silence = { store: 'test-store', camera: 'entrance', since, expected: 41.3 };
    const dataOf = async (name: string) => JSON.parse((await send({}, messageOf(name))).body).data;
    expect(await dataOf('silent')).toEqual({ ...silence, last_alert_at: since });
    expect(await dataOf('back')).toEqual({ ...silence, last_alert_at: '2025-06-02T13:35:20.000Z' });
    expect(await dataOf('allSilent')).toMatchObject({ store: null });
  });

  it('has the alert as its data', async () => {
    expect(JSON.parse((await send({})).body).data).toEqual(ALERT);
  });

  it('has a signed link to the picture', async () => {
    const finished = { status: 'ready', reason: null, picture_bytes: 3 };
    const alert = { ...ALERT, picture: finished };
    const { data } = JSON.parse((await send({}, messageOf('pictured', { alert }))).body);
    expect(data).toEqual({ ...ALERT, picture: { ...finished, width: 640, height: 360, url: PICTURE_LINK } });
    const { data: early } = JSON.parse((await send({}, messageOf('pictured'))).body);
    expect(early.picture).toEqual({ status: 'ready', reason: null, width: 640, height: 360, url: PICTURE_LINK });
  });

  it('says why an alert is late', async () => {
    expect(JSON.parse((await send({}, messageOf('late'))).body).late).toEqual({
      reason: 'the video server responded with status 503',
      since: '2025-06-02T13:33:21.000Z',
      next_attempt_at: '2025-06-02T13:40:00.000Z',
    });
  });

  it('of a group counts all alerts and lists the first hundred', async () => {
    const { group, data } = JSON.parse((await send({}, messageOf('grouped'))).body);
    expect(data).toEqual(FAILED);
    expect(group).toMatchObject({ store: 'test-store', count: 250 });
    expect(group.alerts).toHaveLength(100);
    expect(group.alerts[0]).toMatchObject({ uuid: FAILED.uuid, status: 'failed', failure_code: 'video_not_found' });
  });

  it('of a group lists fewer alerts if they do not fit, and shortens texts that are too long', () => {
    const detail = '💥'.repeat(9_000);
    const failed = { ...FAILED, failure: { code: 'video_unreadable', detail, retryable: false } };
    const grouped = messageOf('grouped');
    const message = { ...grouped, alert: failed };
    const body = eventJson(message, 8_000);
    expect(Buffer.byteLength(body)).toBeLessThan(8_000);
    const { group, data } = JSON.parse(body);
    expect(group.count).toBe(250);
    expect(group.alerts.length).toBeGreaterThan(10);
    expect(data.failure.detail.length).toBeLessThan(1_010);
  });

  it('has the same id on every attempt, and the time of the attempt', async () => {
    const message = messageOf('failed');
    const attempts = await Promise.all([send({}, message), send({}, message)]);
    const [first, second] = attempts.map(({ headers, body }) => ({ id: headers['webhook-id'], body }));
    expect(first).toEqual(second);
    const now = new Date(Date.now() - 60_000);
    const config = { url: receiver.url, signing_secret: { secret } };
    await webhook.send(config, message, contextOf(30_000, now));
    const timestamp = receiver.received.at(-1)?.headers['webhook-timestamp'];
    expect(timestamp).toBe(String(Math.floor(now.getTime() / 1000)));
  });

  it('is signed with both secrets until the previous one expires', async () => {
    const previous = newSecret();
    const soon = new Date(Date.now() + 60_000).toISOString();
    const past = new Date(Date.now() - 1_000).toISOString();
    const both = { secret, previous: { secret: previous, valid_until: soon } };
    const request = await send({ signing_secret: both });
    expect(request.headers['webhook-signature']?.split(' ')).toHaveLength(2);
    expect(request.verified).toBe(true);
    receiver.trust(previous);
    await webhook.send({ url: receiver.url, signing_secret: both }, messageOf('processed'), contextOf());
    expect(receiver.received.at(-1)?.verified).toBe(true);
    const expired = { secret, previous: { secret: previous, valid_until: past } };
    await webhook.send({ url: receiver.url, signing_secret: expired }, messageOf('processed'), contextOf());
    expect(receiver.received.at(-1)?.verified).toBe(false);
    expect(receiver.received.at(-1)?.headers['webhook-signature']?.split(' ')).toHaveLength(1);
  });

  it('has the destination’s headers, which replace none of the sender’s', async () => {
    const request = await send({
      headers: { Authorization: 'Bearer s3cret', 'X-Team': 'a', 'Webhook-Id': 'x', 'CONTENT-TYPE': 'text/evil' },
    });
    expect(request.headers).toMatchObject({ authorization: 'Bearer s3cret', 'x-team': 'a' });
    expect(request.headers['webhook-id']).toBe(messageOf('processed').id);
    expect(request.headers['content-type']).toBe('application/json');
    expect(request.verified).toBe(true);
  });

  it('that fails shows no secret of the destination', async () => {
    receiver.behave((request) => ({ status: 400, body: JSON.stringify(request.headers) }));
    const config = { url: receiver.url, headers: { authorization: 'Bearer s3cret-value' }, signing_secret: { secret } };
    const error = await failureOf(webhook.send(config, messageOf('processed'), contextOf()));
    expect(error.body).toContain('"authorization":"***"');
    expect(JSON.stringify([error.message, error.body, error.cause])).not.toContain('s3cret-value');
    receiver.behave({ status: 204 });
  });
});

describe('a template', () => {
  it('replaces the body, which is signed', async () => {
    const template = '{"text": {{ data.store | json }}, "kind": "{{ type }}", "id": "{{ id }}"}';
    const request = await send({ template }, messageOf('failed', { alert: { ...FAILED, store: HOSTILE } }));
    expect(JSON.parse(request.body)).toEqual({ text: HOSTILE, kind: 'alert.failed', id: messageOf('failed').id });
    expect(request.verified).toBe(true);
  });

  it('can have another content type', async () => {
    const request = await send({ template: 'store={{ data.store }}', content_type: 'text/plain' });
    expect(request).toMatchObject({ body: 'store=test-store', verified: true });
    expect(request.headers['content-type']).toBe('text/plain');
  });

  it('whose text is too long is not sent', async () => {
    const before = receiver.received.length;
    const template = '{% for i in (1..3000) %}1234567890{% endfor %}';
    const error = await failureOf(webhook.send({ url: receiver.url, template }, messageOf('processed'), contextOf()));
    expect(error.message).toBe("the template's text has 30000 bytes; at most 19999 are sent");
    expect(receiver.received).toHaveLength(before);
  });

  it('that fails is an error of the destination', async () => {
    const config = { url: receiver.url, template: '{{ data.store | nonsense }}' };
    const error = await failureOf(webhook.send(config, messageOf('processed'), contextOf()));
    expect(error.message).toMatch(/^the template cannot be rendered: undefined filter: nonsense/);
  });
});
