import { expect, it } from 'vitest';
import { HOUR_MS } from '../hour-of-week.ts';
import { replay } from './replay.ts';

const DAY_MS = 24 * HOUR_MS;

it('raises at most one false report per store and month in twelve weeks of 1,000 stores, and finds each silence in time', () => {
  const { falseReports, silences, storeMonths, alerts, reportsForAll } = replay({ stores: 1_000, seed: 1 });
  const total = falseReports.reduce((sum, { count }) => sum + count, 0);
  const found = silences.filter(({ delayMs }) => delayMs !== undefined);
  const graces = found.map(({ graceMs = 0 }) => graceMs / HOUR_MS).sort((a, b) => a - b);
  const part = (p: number) => graces[Math.floor(p * (graces.length - 1))]?.toFixed(1);
  process.stdout.write(
    `${alerts} alerts, ${total} false reports in ${Math.round(storeMonths)} store-months, at most ${falseReports[0]?.count ?? 0} ` +
      `per store and month, ${reportsForAll} for all; ${found.length} of ${silences.length} silences found; grace in hours: ` +
      `p10 ${part(0.1)}, p50 ${part(0.5)}, p90 ${part(0.9)}, max ${part(1)}\n`,
  );
  expect(alerts).toBeGreaterThan(5_000_000);
  expect(falseReports.filter(({ count }) => count > 1)).toEqual([]);
  expect(total / storeMonths).toBeLessThan(0.05);
  expect(found.length).toBeGreaterThan(0.95 * silences.length);
  for (const { graceMs = 0, delayMs = Number.POSITIVE_INFINITY } of silences) {
    if (graceMs < 13 * DAY_MS) expect(delayMs).toBeLessThanOrEqual(60_000);
  }
}, 600_000);
