import { createHash } from 'node:crypto';
import type { Message } from './kind.ts';

/** Where Home Assistant looks for devices unless it is configured otherwise. */
const DISCOVERY_PREFIX = 'homeassistant';

/** Returns `prefix/store`: one topic per store. A test message has a topic that no store can have. */
export function topicOf(prefix: string, { event, store }: Message): string {
  return `${prefix}/${event === 'test' || store === null ? '$test' : encodeStore(store)}`;
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

/** Returns the topic and the retained message that make a store a device of Home Assistant. */
export function discoveryOf(prefix: string, message: Message): { topic: string; payload: string } | undefined {
  const { store } = message;
  if (store === null || message.event === 'test') return undefined;
  const topic = topicOf(prefix, message);
  const id = `video_alerts_${createHash('sha256').update(topic).digest('hex').slice(0, 16)}`;
  const payload = {
    name: 'Last alert',
    unique_id: id,
    state_topic: topic,
    // "processed", "failed", or the event of a store: a state has at most 255 characters.
    value_template: '{{ value_json.data.status | default(value_json.type) }}',
    json_attributes_topic: topic,
    json_attributes_template: '{{ value_json.data | tojson }}',
    icon: 'mdi:cctv',
    device: { identifiers: [id], name: store, manufacturer: 'video-alerts', model: 'Store' },
    origin: { name: 'video-alerts' },
  };
  return { topic: `${DISCOVERY_PREFIX}/sensor/${id}/config`, payload: JSON.stringify(payload) };
}
