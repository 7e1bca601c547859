import type { KindConfig } from '#destinations/kinds.ts';
import type { HttpSender } from './http-sender.ts';
import type { Kind, Message } from './kind.ts';
import { type Summary, shorten, summarize } from './summary.ts';

/** A longer message becomes an attachment. */
const MAX_MESSAGE_BYTES = 4_096;

const TAGS: Record<Summary['level'], string> = {
  success: 'white_check_mark',
  failure: 'x',
  warning: 'warning',
  info: 'information_source',
};
/** 3 is the default of ntfy; 4 lets a phone vibrate for longer. */
const PRIORITIES: Record<Summary['level'], number> = { success: 3, failure: 4, warning: 4, info: 3 };

/** Publishes to a topic of an ntfy server. */
export function ntfyKind(http: HttpSender): Kind<KindConfig<'ntfy'>> {
  return {
    send({ server, topic, token, priority }, message, { signal }) {
      return http.post({
        url: server,
        headers: {
          'content-type': 'application/json',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        body: JSON.stringify(ntfyPayload({ topic, priority }, message)),
        signal,
        secrets: token === undefined ? [] : [token],
      });
    },
  };
}

/** Returns the JSON that is sent to the server's root. `priority` replaces the one that follows from the event. */
export function ntfyPayload(config: { topic: string; priority?: number | undefined }, message: Message): object {
  const { level, title, text, facts, list, more, link, picture } = summarize(message);
  const lines = [text, ...facts.map(([name, value]) => `${name}: ${value}`), ...list];
  const end = more > 0 ? [`and ${more} more`] : [];
  while (lines.length > 1 && Buffer.byteLength([...lines, ...end].join('\n')) > MAX_MESSAGE_BYTES) lines.pop();
  return {
    topic: config.topic,
    title: shorten(title, 150),
    message: [...lines, ...end].join('\n'),
    tags: [TAGS[level], message.event],
    priority: config.priority ?? PRIORITIES[level],
    ...(link ? { click: link.url, actions: [{ action: 'view', label: link.label, url: link.url }] } : {}),
    // A phone opens the link, so it need not be public.
    ...(picture?.link ? { attach: picture.link, filename: 'picture.webp' } : {}),
  };
}
