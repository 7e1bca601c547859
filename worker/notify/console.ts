import type { Writable } from 'node:stream';
import { createMicroBatcher } from '#async/micro-batch.ts';
import type { Notification, Notifier } from './notifier.ts';

/** Control characters move a terminal's cursor or end its line; direction marks reorder it. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/**
 * Returns a notifier that prints one line per notification:
 * `[Notification] Store: … | Date: YYYY-MM-DD HH:MM:SS | Resolution: WxH`, or `Failed: code (detail)` instead of the
 * resolution. With the format `json`, the line is a JSON object. `notify` resolves once the line is written.
 */
export function consoleNotifier(out: Writable, timeZone: string, format: 'text' | 'json' = 'text'): Notifier {
  // The Swedish date format is ISO 8601's.
  const date = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
  // Results are recorded in batches, so their lines arrive together; one write of all costs as much as one line's.
  const lines = createMicroBatcher<string, void>({
    async run(batch) {
      await write(out, batch.join(''));
      return batch.map(() => undefined);
    },
  });
  const lineOf = (notification: Notification) =>
    format === 'json' ? jsonLine(notification) : printable(textLine(notification, date));
  return { notify: (notification) => lines.add(`${lineOf(notification)}\n`) };
}

function write(out: Writable, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    out.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

function textLine({ store, timestamp, outcome }: Notification, date: Intl.DateTimeFormat): string {
  const result =
    'resolution' in outcome ? `Resolution: ${outcome.resolution}` : `Failed: ${outcome.failure} (${outcome.detail})`;
  return `[Notification] Store: ${store} | Date: ${date.format(timestamp * 1000)} | ${result}`;
}

/** `timestamp` is the time as the camera sent it, `date` the same in RFC 3339. */
function jsonLine({ uuid, store, timestamp, receivedAt, outcome }: Notification): string {
  const result =
    'resolution' in outcome
      ? { status: 'processed', resolution: outcome.resolution, failure: null }
      : { status: 'failed', resolution: null, failure: { code: outcome.failure, detail: outcome.detail } };
  const date = new Date(timestamp * 1000).toISOString();
  const line = JSON.stringify({
    uuid,
    store,
    timestamp,
    date,
    received_at: receivedAt,
    ...result,
    notified_at: new Date(),
  });
  return line.replace(UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Replaces characters that a terminal would obey. */
function printable(text: string): string {
  return text.replace(UNPRINTABLE, '\u{fffd}');
}
