import { connectAsync } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findMosquitto, type MqttBroker, startMqttBroker } from '#test/harness/mqtt-broker.ts';
import { freePort } from '#test/harness/ports.ts';
import { startReceiver } from '#test/harness/receiver.ts';
import { mqttKind } from '../mqtt.ts';
import { encodeStore, topicOf } from '../mqtt-topics.ts';
import {
  contextOf,
  failureOf,
  HOSTILE,
  messageOf,
  openGuard,
  openMuteServer,
  PICTURE_LINK,
  tls,
  trustTestCertificate,
  WEBP,
} from './sending.ts';

describe('a topic', () => {
  it.each([
    ['test-store', 'test-store'],
    ['Filiale Köln', 'Filiale Köln'],
    ['a/b+c#d%e', 'a%2Fb%2Bc%23d%25e'],
    ['$test', '%24test'],
    ['#', '%23'],
    ['a\u0000\u001f\u2028\uffff', 'a%00%1F%E2%80%A8%EF%BF%BF'],
  ])('of the store %j is one level: %j', (store, expected) => {
    expect(encodeStore(store)).toBe(expected);
    expect(decodeURIComponent(encodeStore(store))).toBe(store);
  });

  it('of a test message belongs to no store', () => {
    expect(topicOf('video-alerts', messageOf('test'))).toBe('video-alerts/$test');
    expect(topicOf('video-alerts', messageOf('processed', { store: '$test' }))).toBe('video-alerts/%24test');
  });
});

const found = await findMosquitto();
const command = 'path' in found ? found.path : '';

describe.skipIf(command === '')('with a broker', () => {
  const USER = { user: 'alerts', password: 's3cret-password' };
  let broker: MqttBroker;
  const kind = mqttKind(openGuard());
  type Config = Parameters<typeof kind.send>[0];
  const configOf = (changes: Partial<Config> = {}): Config => ({
    url: broker.url,
    ...USER,
    topic_prefix: 'video-alerts',
    retain: true,
    home_assistant: false,
    ...changes,
  });
  const clients = () => broker.lines.filter((line) => line.includes('New client connected')).length;

  beforeAll(async () => {
    broker = await startMqttBroker({ command, tls, ...USER });
  });
  afterAll(async () => {
    await kind.close?.();
    await broker[Symbol.asyncDispose]();
  });

  type Published = { topic: string; payload: string; retain: boolean; qos: number };

  /** Subscribes to everything; `messages` grows. */
  async function subscribe(topic: string) {
    const client = await connectAsync(broker.url, { username: USER.user, password: USER.password });
    const messages: Published[] = [];
    client.on('message', (name, payload, { retain, qos }) => {
      const isFile = name.endsWith('/picture');
      messages.push({ topic: name, payload: payload.toString(isFile ? 'latin1' : 'utf8'), retain, qos });
    });
    await client.subscribeAsync(topic, { qos: 1 });
    return { messages, [Symbol.asyncDispose]: () => client.endAsync() };
  }

  it('publishes to the topic of the store with QoS 1', async () => {
    await using live = await subscribe('video-alerts/live');
    const message = messageOf('processed', { store: 'live' });
    await kind.send(configOf(), message, contextOf());
    await expect.poll(() => live.messages, { timeout: 150_000 }).toHaveLength(1);
    expect(live.messages[0]).toMatchObject({ topic: 'video-alerts/live', qos: 1 });
    expect(JSON.parse(live.messages[0]?.payload ?? '')).toMatchObject({ type: 'alert.processed', data: message.alert });
  });

  it('retains the last state of a store, unless the destination says otherwise', async () => {
    await kind.send(configOf(), messageOf('processed', { store: 'kept' }), contextOf());
    await kind.send(configOf(), messageOf('failed', { store: 'kept' }), contextOf());
    await kind.send(configOf({ retain: false }), messageOf('failed', { store: 'not-kept' }), contextOf());
    await kind.send(configOf(), messageOf('test'), contextOf());
    await using later = await subscribe('video-alerts/+');
    await expect
      .poll(() => later.messages.map(({ topic }) => topic), { timeout: 150_000 })
      .toContain('video-alerts/kept');
    const kept = later.messages.filter(({ topic }) => topic === 'video-alerts/kept');
    expect(kept).toMatchObject([{ retain: true }]);
    expect(kept[0]?.payload).toContain('"type":"alert.failed"');
    expect(later.messages.map(({ topic }) => topic)).not.toContain('video-alerts/not-kept');
    expect(later.messages.map(({ topic }) => topic)).not.toContain('video-alerts/$test');
  });

  it('publishes a hostile name below the prefix only', async () => {
    await using all = await subscribe('#');
    const store = `+/#/../${HOSTILE}`;
    await kind.send(configOf({ topic_prefix: 'hostile' }), messageOf('processed', { store }), contextOf());
    await expect
      .poll(() => all.messages.filter(({ topic }) => topic.startsWith('hostile/')).length, { timeout: 150_000 })
      .toBe(1);
    const topic = all.messages.find((each) => each.topic.startsWith('hostile/'))?.topic ?? '';
    expect(topic.split('/')).toHaveLength(2);
    expect(topic).not.toMatch(/[+#]/);
  });

  it('announces a store to Home Assistant once per connection', async () => {
    await using discovery = await subscribe('homeassistant/#');
    const config = configOf({ home_assistant: true, topic_prefix: 'home' });
    await kind.send(config, messageOf('processed', { store: 'shop-1' }), contextOf());
    await kind.send(config, messageOf('failed', { store: 'shop-1' }), contextOf());
    await kind.send(config, messageOf('processed', { store: 'shop-2' }), contextOf());
    await expect.poll(() => discovery.messages, { timeout: 150_000 }).toHaveLength(2);
    const [first] = discovery.messages.map(({ payload }) => JSON.parse(payload));
    expect(first).toMatchObject({ state_topic: 'home/shop-1', device: { name: 'shop-1' } });
    expect(discovery.messages[0]?.topic).toBe(`homeassistant/sensor/${first.unique_id}/config`);
    expect(first.unique_id).toMatch(/^[a-zA-Z0-9_-]+$/);
    await using later = await subscribe('homeassistant/#');
    await expect.poll(() => later.messages, { timeout: 150_000 }).toHaveLength(2);
    expect(later.messages[0]?.retain).toBe(true);
  });

  it('publishes the picture itself for Home Assistant, below the topic of the store', async () => {
    await using live = await subscribe('camera/#');
    const config = configOf({ topic_prefix: 'camera', home_assistant: true });
    const pictured = messageOf('pictured', { store: 'a/b' });
    await kind.send(config, pictured, contextOf());
    await kind.send({ ...config, home_assistant: false }, pictured, contextOf());
    await expect
      .poll(() => live.messages.map(({ topic }) => topic), { timeout: 150_000 })
      .toEqual(['camera/a%2Fb/picture', 'camera/a%2Fb', 'camera/a%2Fb']);
    expect(Buffer.from(live.messages[0]?.payload ?? '', 'latin1')).toEqual(WEBP);
    expect(JSON.parse(live.messages[1]?.payload ?? '').data.picture.url).toBe(PICTURE_LINK);
    await using later = await subscribe('homeassistant/image/#');
    await expect.poll(() => later.messages, { timeout: 150_000 }).toHaveLength(1);
    expect(JSON.parse(later.messages[0]?.payload ?? '')).toMatchObject({
      image_topic: 'camera/a%2Fb/picture',
      content_type: 'image/webp',
      device: { name: 'a/b' },
    });
  });

  it('shares one connection per destination, and closes it when it is idle', async () => {
    const shared = mqttKind(openGuard(), { idleMs: 500 });
    const before = clients();
    await Promise.all(Array.from({ length: 20 }, () => shared.send(configOf(), messageOf('processed'), contextOf())));
    expect(clients() - before).toBe(1);
    await expect.poll(() => broker.lines.at(-1), { timeout: 150_000 }).toMatch(/disconnected|closed its connection/);
    await shared.send(configOf(), messageOf('processed'), contextOf());
    expect(clients() - before).toBe(2);
    // A changed configuration is another connection.
    await shared.send(configOf({ topic_prefix: 'changed' }), messageOf('processed'), contextOf());
    expect(clients() - before).toBe(3);
    await shared.close?.();
  });

  it('verifies TLS', async () => {
    const config = () => configOf({ url: broker.tlsUrl });
    const error = await failureOf(kind.send(config(), messageOf('processed'), contextOf()));
    expect(error.message).toMatch(/^the receiver's TLS certificate was rejected/);
    trustTestCertificate();
    await kind.send(config(), messageOf('processed'), contextOf());
  });

  it('reports a wrong password', async () => {
    const error = await failureOf(kind.send(configOf({ password: 'other' }), messageOf('processed'), contextOf()));
    expect(error.message).toBe('the broker refused the connection: not authorized');
  });

  it('reports a broker that is not there or does not respond', async () => {
    const nobody = configOf({ url: `mqtt://127.0.0.1:${await freePort()}` });
    expect((await failureOf(kind.send(nobody, messageOf('processed'), contextOf()))).message).toBe(
      'cannot connect to the receiver (ECONNREFUSED)',
    );
    await using web = await startReceiver();
    const config = configOf({ url: `mqtt://127.0.0.1:${web.port}` });
    const error = await failureOf(kind.send(config, messageOf('processed'), contextOf()));
    expect(error.message).toBe('the broker sent an invalid response');
    await using mute = await openMuteServer();
    const late = configOf({ url: `mqtt://127.0.0.1:${mute.port}` });
    const timeout = await failureOf(kind.send(late, messageOf('processed'), contextOf(1_000)));
    expect(timeout.message).toBe('the receiver did not respond in time');
  });

  it('connects again after the broker was killed', async () => {
    const other = await startMqttBroker({ command, tls });
    const config = configOf({ url: other.url });
    await kind.send(config, messageOf('processed'), contextOf());
    await other.kill();
    await failureOf(kind.send(config, messageOf('processed'), contextOf()));
    const port = Number(new URL(other.url).port);
    await using again = await startMqttBroker({ command, tls, ports: [port, await freePort()] });
    expect(again.url).toBe(other.url);
    await kind.send(config, messageOf('processed'), contextOf());
    await other[Symbol.asyncDispose]();
  });
});
