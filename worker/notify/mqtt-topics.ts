import { createHash } from 'node:crypto';
import type { Message } from './kind.ts';

/** Where Home Assistant looks for devices unless it is configured otherwise. */
const DISCOVERY_PREFIX = 'homeassistant';

/** Returns `prefix/store`: one topic per store. Test messages, and those about all stores, have topics that no store can have. */
export function topicOf(prefix: string, { event, store, silence }: Message): string {
  if (event !== 'test' && store !== null) return `${prefix}/${encodeStore(store)}`;
  return `${prefix}/${silence ? '$all' : '$test'}`;
}

/**
 * Returns a store's name as one level of a topic: percent-encoded are `/`, the wildcards `+` and `#`, `%` itself, a `$` at
 * the start, and characters that MQTT advises against (control characters and noncharacters).
 */
export function encodeStore(store: string): string {
  return store
    .toWellFormed()
    .replace(/^\$|[/+#%\p{Cc}\p{Zl}\p{Zp}\p{Cn}\p{Co}]/gu, (character) =>
      [...Buffer.from(character)].map((byte) => `%${byte.toString(16).padStart(2, '0').toUpperCase()}`).join(''),
    );
}

/** Returns the topic of a store's last picture, below the topic of the store. */
export function pictureTopicOf(prefix: string, message: Message): string {
  return `${topicOf(prefix, message)}/picture`;
}

type Discovery = { topic: string; payload: string };

/** Returns the topics and the retained messages that make a store a device of Home Assistant. */
export function discoveryOf(prefix: string, message: Message): Discovery[] {
  const { store } = message;
  if (store === null || message.event === 'test') return [];
  const topic = topicOf(prefix, message);
  const id = `video_alerts_${createHash('sha256').update(topic).digest('hex').slice(0, 16)}`;
  const device = { identifiers: [id], name: store, manufacturer: 'video-alerts', model: 'Store' };
  const origin = { name: 'video-alerts' };
  const sensor = {
    name: 'Last alert',
    unique_id: id,
    state_topic: topic,
    // "processed", "failed", or the event of a store: a state has at most 255 characters.
    value_template: '{{ value_json.data.status | default(value_json.type) }}',
    json_attributes_topic: topic,
    json_attributes_template: '{{ value_json.data | tojson }}',
    icon: 'mdi:cctv',
    device,
    origin,
  };
  const discoveries = [{ topic: `${DISCOVERY_PREFIX}/sensor/${id}/config`, payload: JSON.stringify(sensor) }];
  if (message.picture && 'bytes' in message.picture) {
    const image = {
      name: 'Last picture',
      unique_id: `${id}_picture`,
      image_topic: pictureTopicOf(prefix, message),
      content_type: 'image/webp',
      device,
      origin,
    };
    discoveries.push({ topic: `${DISCOVERY_PREFIX}/image/${id}/config`, payload: JSON.stringify(image) });
  }
  return discoveries;
}
