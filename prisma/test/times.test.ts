import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { isoOf, parseTime } from '../times.ts';

const parseWithPg: (text: string) => Date = pg.types.getTypeParser(pg.types.builtins.TIMESTAMPTZ);

describe('a time of PostgreSQL', () => {
  it.each([
    ...[
      '2026-01-31 23:59:59.123+00',
      '2026-01-31 23:59:59.12+00',
      '2026-01-31 23:59:59.1+00',
      '2026-01-31 23:59:59+00',
    ],
    ...['2026-02-28 01:02:03.009+00', '2026-02-28 01:02:03.123456+00', '1969-12-31 23:59:59.999+00'],
    ...['2026-01-31 23:59:59.123+02', '2026-01-31 23:59:59-08', '2026-01-31 23:59:59+05:30'],
    ...['0001-01-01 00:00:00+00', '0099-01-01 00:00:00.5+00', '9999-12-31 23:59:59.999+00'],
    ...['10000-01-01 00:00:00+00', '10000-01-01 00:00:00.12+00', '0044-03-15 12:00:00+00 BC'],
  ])('%s is read as pg reads it, and written as by toISOString()', (text) => {
    expect(parseTime(text)).toEqual(parseWithPg(text));
    // Again: the second is known now.
    for (let n = 0; n < 2; n += 1) expect(isoOf(parseTime(text))).toBe(parseWithPg(text).toISOString());
  });

  it('may be infinite, and is not written then', () => {
    expect(parseTime('infinity')).toBe(Number.POSITIVE_INFINITY);
    expect(() => isoOf(new Date(Number.NaN))).toThrow(RangeError);
  });
});
