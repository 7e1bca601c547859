import pg from 'pg';

// A list of alerts has hundreds of times. These functions take half of the processor time of pg's parser and of toISOString().

const parseAnyTime: (text: string) => Date = pg.types.getTypeParser(pg.types.builtins.TIMESTAMPTZ);

/** Returns a time as PostgreSQL writes it: "2026-01-01 00:00:00.123+00". */
export function parseTime(text: string): Date {
  // Others: microseconds, another time zone, a year before 1000 or after 9999, infinity.
  const isUsual = (text[19] === '.' ? text.length < 27 : text.length === 22) && text > '1' && text.endsWith('+00');
  if (!isUsual) return parseAnyTime(text);
  const digits = (at: number) => text.charCodeAt(at) * 10 + text.charCodeAt(at + 1) - 11 * ZERO;
  const ms = text.length === 22 ? 0 : Math.round(Number(text.slice(19, -3)) * 1000);
  return new Date(
    Date.UTC(digits(0) * 100 + digits(2), digits(5) - 1, digits(8), digits(11), digits(14), digits(17), ms),
  );
}

const ZERO = '0'.charCodeAt(0);

let second = Number.NaN;
let upToSecond = '';

/** Returns the same as toISOString(). Most times of an alert are in the same second. */
export function isoOf(time: Date): string {
  const ms = time.getTime();
  if (Math.floor(ms / 1000) !== second) {
    upToSecond = time.toISOString().slice(0, -4);
    second = Math.floor(ms / 1000);
  }
  return `${upToSecond}${String(ms - second * 1000).padStart(3, '0')}Z`;
}
