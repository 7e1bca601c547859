import type { Writable } from 'node:stream';
import type { Notification, Notifier } from './notifier.ts';

/**
 * Returns a notifier that prints one line per notification:
 * `[Notification] Store: … | Date: YYYY-MM-DD HH:MM:SS | Resolution: WxH`, or `Failed: code (detail)` instead of the
 * resolution. `notify` resolves once the line is written.
 */
export function consoleNotifier(out: Writable, timeZone: string): Notifier {
  // The Swedish date format is ISO 8601's.
  const date = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
  let pending: { lines: string[]; written: Promise<void> } | undefined;
  return {
    notify(notification) {
      const line = `${printable(format(notification, date))}\n`;
      if (pending) {
        pending.lines.push(line);
        return pending.written;
      }
      const lines = [line];
      const written = new Promise<void>((resolve, reject) => {
        // Results are recorded in batches, so their lines arrive together; one write costs as much as one line's.
        process.nextTick(() => {
          pending = undefined;
          out.write(lines.join(''), (error) => (error ? reject(error) : resolve()));
        });
      });
      pending = { lines, written };
      return written;
    },
  };
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
