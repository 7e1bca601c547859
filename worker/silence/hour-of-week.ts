export const HOUR_MS = 3_600_000;
export const HOURS_OF_WEEK = 168;

/** Thursday, 1 January 1970, 00:00 is the 72nd hour of a week that begins on Monday. */
const EPOCH_HOUR = 72;
const MAX_CACHED = 1_000;

/** Returns the hour of the week of a time: 0 is Monday from 00:00 to 01:00. */
export type HourOfWeek = (ms: number) => number;

/**
 * Returns a function that returns the hour of the week in this time zone, so that opening hours stay in place when the clocks
 * change. Hours begin when they begin in UTC.
 */
export function hourOfWeekIn(timeZone: string): HourOfWeek {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone, timeZoneName: 'longOffset' });
  const offsets = new Map<number, number>();
  return (ms) => {
    const hour = Math.floor(ms / HOUR_MS);
    let offset = offsets.get(hour);
    if (offset === undefined) {
      if (offsets.size >= MAX_CACHED) offsets.clear();
      offset = offsetHours(format, hour * HOUR_MS);
      offsets.set(hour, offset);
    }
    const local = (hour + offset + EPOCH_HOUR) % HOURS_OF_WEEK;
    return local < 0 ? local + HOURS_OF_WEEK : local;
  };
}

/** Returns the offset to UTC in whole hours, rounded down. */
function offsetHours(format: Intl.DateTimeFormat, ms: number): number {
  const name = format.formatToParts(ms).find(({ type }) => type === 'timeZoneName')?.value ?? '';
  const [, sign, hours = '0', minutes = '0'] = /GMT([+-])(\d+):(\d+)/.exec(name) ?? [];
  const offset = Number(hours) + Number(minutes) / 60;
  return Math.floor(sign === '-' ? -offset : offset);
}
