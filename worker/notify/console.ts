import type { Writable } from 'node:stream';
import type { Notification, Notifier } from './notifier.ts';

/**
 * Prints one line per notification and resolves when it is written:
 * `[Notification] Store: … | Date: YYYY-MM-DD HH:MM:SS | Resolution: WxH`, or `Failed: code (detail)` in its place.
 */
export function consoleNotifier(out: Writable, timeZone: string): Notifier {
  // The Swedish form of a date is ISO's.
  const date = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
  let next: { lines: string[]; written: Promise<void> } | undefined;
  return {
    notify(notification) {
      const line = `${printable(format(notification, date))}\n`;
      if (next) {
        next.lines.push(line);
        return next.written;
      }
      const lines = [line];
      const written = new Promise<void>((resolve, reject) => {
        // Results are recorded in batches: their lines come in one turn, and one write costs as much as one line's.
        process.nextTick(() => {
          next = undefined;
          out.write(lines.join(''), (error) => (error ? reject(error) : resolve()));
        });
      });
      next = { lines, written };
      return written;
    },
  };
}

function format({ store, timestamp, outcome }: Notification, date: Intl.DateTimeFormat): string {
  const result =
    'resolution' in outcome ? `Resolution: ${outcome.resolution}` : `Failed: ${outcome.failure} (${outcome.detail})`;
  return `[Notification] Store: ${store} | Date: ${date.format(timestamp * 1000)} | ${result}`;
}

/** Control characters move a terminal's cursor or end its line; direction marks reorder it. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '\u{fffd}');
}
