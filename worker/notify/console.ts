import type { Writable } from 'node:stream';
import { createMicroBatcher } from '#async/micro-batch.ts';
import type { Notification, Notifier } from './notifier.ts';

/**
 * Returns a notifier that prints one line per notification:
 * `[Notification] Store: … | Date: YYYY-MM-DD HH:MM:SS | Resolution: WxH`, or `Failed: code (detail)` instead of the
 * resolution. `notify` resolves once the line is written.
 */
export function consoleNotifier(out: Writable, timeZone: string): Notifier {
  // The Swedish date format is ISO 8601's.
  const date = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
  // Results are recorded in batches, so their lines arrive together; one write of all costs as much as one line's.
  const lines = createMicroBatcher<string, void>({
    async run(batch) {
      await write(out, batch.join(''));
      return batch.map(() => undefined);
    },
  });
  return { notify: (notification) => lines.add(`${printable(format(notification, date))}\n`) };
}

function write(out: Writable, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    out.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

function format({ store, timestamp, outcome }: Notification, date: Intl.DateTimeFormat): string {
  const result =
    'resolution' in outcome ? `Resolution: ${outcome.resolution}` : `Failed: ${outcome.failure} (${outcome.detail})`;
  return `[Notification] Store: ${store} | Date: ${date.format(timestamp * 1000)} | ${result}`;
}

/** Replaces control characters, which move a terminal's cursor or end its line, and direction marks, which reorder it. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '\u{fffd}');
}
