import { randomBytes } from 'node:crypto';
import { MqttClient } from 'mqtt';
import type { KindConfig } from '#destinations/kinds.ts';
import type { AddressGuard } from './address-guard.ts';
import { eventJson } from './event-json.ts';
import { type Kind, type Message, SendError } from './kind.ts';
import { discoveryOf, pictureTopicOf, topicOf } from './mqtt-topics.ts';
import { abortError, sendErrorOf } from './send-errors.ts';

type MqttConfig = KindConfig<'mqtt'>;

/** A connection without messages is closed after 30 s; so is that of a changed or deleted destination. */
const IDLE_MS = 30_000;
const CONNECT_TIMEOUT_MS = 30_000;

type Connection = {
  client: MqttClient;
  /** Resolves when the broker has accepted the connection. */
  connected: Promise<unknown>;
  /** Rejects when the connection ends. */
  ended: Promise<never>;
  /** Discovery topics that were published on it. */
  announced: Set<string>;
  sends: number;
  idle: NodeJS.Timeout | undefined;
};

/** Publishes with QoS 1, over one connection for all messages of a destination. */
export function mqttKind(guard: AddressGuard, { idleMs = IDLE_MS } = {}): Kind<MqttConfig> {
  const connections = new Map<string, Connection>();
  const drop = (key: string, connection: Connection) => {
    if (connections.get(key) === connection) connections.delete(key);
    clearTimeout(connection.idle);
    connection.client.end(true);
  };
  const acquire = (key: string, config: MqttConfig): Connection => {
    const known = connections.get(key);
    if (known) return known;
    const opened = openConnection(guard, config);
    connections.set(key, opened);
    opened.ended.catch(() => drop(key, opened));
    return opened;
  };
  return {
    async send(config, message, { signal, destination }) {
      signal.throwIfAborted();
      const key = `${destination.id} ${JSON.stringify(config)}`;
      const connection = acquire(key, config);
      clearTimeout(connection.idle);
      connection.sends += 1;
      try {
        return await endWith(signal, connection, publish(connection, config, message));
      } catch (error) {
        // Its state is unknown: a late acknowledgement must not be taken for that of another message.
        drop(key, connection);
        throw mqttError(error, signal);
      } finally {
        connection.sends -= 1;
        if (connection.sends === 0) connection.idle = setTimeout(() => drop(key, connection), idleMs).unref();
      }
    },
    async close() {
      const open = [...connections.values()];
      connections.clear();
      for (const { idle } of open) clearTimeout(idle);
      await Promise.all(open.map(({ client }) => client.endAsync().catch(() => {})));
    },
  };
}

function openConnection(guard: AddressGuard, config: MqttConfig): Connection {
  const { protocol, hostname, port } = new URL(config.url);
  const tls = protocol === 'mqtts:';
  const target = { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port) || (tls ? 8883 : 1883), tls };
  let onError = (_error: Error) => {};
  const connect = () => guard.connect(target).on('error', (error) => onError(error));
  const client = new MqttClient(connect, {
    clientId: `video-alerts-${randomBytes(6).toString('hex')}`,
    // No session and no will: the retained message of a store is its state, and a worker may connect only now and then.
    clean: true,
    reconnectPeriod: 0,
    connectTimeout: CONNECT_TIMEOUT_MS,
    keepalive: 30,
    resubscribe: false,
    ...(config.user === undefined ? {} : { username: config.user }),
    ...(config.password === undefined ? {} : { password: config.password }),
  });
  const connected = new Promise((resolve) => client.once('connect', resolve));
  const ended = new Promise<never>((_resolve, reject) => {
    // mqtt does not emit every error of its stream.
    onError = reject;
    client.on('error', reject);
    client.on('close', () => reject(new SendError('the broker closed the connection')));
  });
  ended.catch(() => {}); // not every message waits for it
  return { client, connected, ended, announced: new Set(), sends: 0, idle: undefined };
}

async function publish(
  { client, connected, announced }: Connection,
  config: MqttConfig,
  message: Message,
): Promise<object> {
  await connected;
  const { topic_prefix: prefix, retain } = config;
  const discoveries = config.home_assistant ? discoveryOf(prefix, message) : [];
  for (const { topic, payload } of discoveries) {
    if (announced.has(topic)) continue;
    await client.publishAsync(topic, payload, { qos: 1, retain: true });
    announced.add(topic);
  }
  const isState = message.event !== 'test';
  const { picture, group } = message;
  // The file itself: Home Assistant then needs no link, which would expire.
  if (config.home_assistant && !group && picture && 'bytes' in picture) {
    await client.publishAsync(pictureTopicOf(prefix, message), picture.bytes, { qos: 1, retain });
  }
  await client.publishAsync(topicOf(prefix, message), eventJson(message), { qos: 1, retain: retain && isState });
  return {};
}

/** Rejects when the connection ends or the signal aborts before `work` is done. */
async function endWith<T>(signal: AbortSignal, { ended }: Connection, work: Promise<T>): Promise<T> {
  let onAbort = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(abortError(signal));
    signal.addEventListener('abort', onAbort);
  });
  work.catch(() => {});
  try {
    return await Promise.race([work, ended, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** MQTT 3.1.1, 3.2.2.3: why a broker refuses a connection. */
const REFUSALS: Record<number, string> = {
  1: 'its protocol version',
  2: 'the client identifier',
  3: 'it is unavailable',
  4: 'the user name or password',
  5: 'not authorized',
};

function mqttError(error: unknown, signal: AbortSignal): SendError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  // The parser's errors have no code.
  const isInvalid = error instanceof Error && !(error instanceof SendError) && code === undefined;
  if (isInvalid && !signal.aborted) return new SendError('the broker sent an invalid response');
  if (typeof code !== 'number') return sendErrorOf(error, signal);
  return new SendError(`the broker refused the connection: ${REFUSALS[code] ?? `code ${code}`}`);
}
