import { randomInt } from 'node:crypto';
import { findAlert, findFailed, listAlerts, takeOverdue } from '#prisma/alerts.ts';
import { readChanges, readHorizon } from '#prisma/change-feed.ts';
import { type Database, openDatabase } from '#prisma/client.ts';
import { countAlerts } from '#prisma/statistics.ts';
import { IN_FLIGHT, POSTS_PER_S } from './bench.ts';
import { FILLED_EVERY_MS, FIRST_FILLED, fillAlerts, filledUuid } from './fill.ts';
import { measureFlow } from './measure.ts';
import type { Grown } from './report.ts';
import type { Stack } from './stack.ts';
import { percentile } from './statistics.ts';
import type { Truth } from './video-sets.ts';

/** Rows stored already when the figures are taken. */
const SIZES = [0, 1_000_000, 5_000_000];
const ASKED = 50;
const LIMIT = 51;

type Question = [name: string, ask: (db: Database, rows: number) => Promise<unknown>];

/** Questions on a table of so many rows; where one names a row or a time, any of the stored ones. */
const QUESTIONS: Question[] = [
  ['GET by uuid', (db, rows) => findAlert(db, filledUuid(randomInt(rows)))],
  ['list', (db) => listAlerts(db, {}, { limit: LIMIT })],
  ['list, far down', (db, rows) => listAlerts(db, {}, { limit: LIMIT, after: { receivedAt: momentIn(rows), id: 1n } })],
  ['list of a store', (db) => listAlerts(db, { store: `store-${randomInt(200)}` }, { limit: LIMIT })],
  [
    'list of a store, far down',
    (db, rows) => listAlerts(db, { store: 'store-3' }, { limit: LIMIT, after: { receivedAt: momentIn(rows), id: 1n } }),
  ],
  ['list of a failure', (db) => listAlerts(db, { status: 'failed', failureCode: 'video_timeout' }, { limit: LIMIT })],
  ['list of the failed', (db) => listAlerts(db, { status: 'failed' }, { limit: LIMIT })],
  ['list of the pending', (db) => listAlerts(db, { status: 'pending' }, { limit: LIMIT })],
  ['list of a day', (db, rows) => listAlerts(db, dayIn(rows), { limit: LIMIT })],
  ['reconcile', (db) => takeOverdue(db, { quietMs: 15_000, limit: 500 })],
  ['find failed of a day', (db, rows) => findFailed(db, dayIn(rows), 100)],
  ['events', async (db) => readChanges(db, (await readHorizon(db)).now, 100)],
  ['statistics of an hour', (db, rows) => countAlerts(db, {}, hourIn(rows))],
];

/** The same figures on an empty table and on grown ones. Fills the house's database; its worker is started anew. */
export async function measureGrowth(
  house: Stack,
  truths: readonly Truth[],
  { say, signal, seconds }: { say: (line: string) => void; signal: AbortSignal; seconds: number },
): Promise<Grown[]> {
  const grown: Grown[] = [];
  let stored = 0;
  for (const rows of SIZES) {
    say(`${rows.toLocaleString('en-US')} rows stored already`);
    if (rows > stored) await fillAlerts(house.databaseUrl, { from: stored, to: rows });
    stored = rows;
    await house.employ('ours');
    const send = (count: number, pace: Parameters<typeof measureFlow>[2]['pace']) =>
      measureFlow(house, truths, { count, pace, keepRows: true }, signal);
    const warm = await send(1_000, { kind: 'closed', inFlight: IN_FLIGHT });
    const count = Math.round(warm.processedPerS * seconds);
    const most = await send(count, { kind: 'closed', inFlight: IN_FLIGHT });
    const steady = await send(POSTS_PER_S * seconds, { kind: 'open', perSecond: POSTS_PER_S });
    grown.push({ rows, most, steady, questions: await askAll(house.databaseUrl, Math.max(rows, 1), signal) });
  }
  return grown;
}

async function askAll(url: string, rows: number, signal: AbortSignal): Promise<Grown['questions']> {
  const db = openDatabase(url, { poolSize: 2, onError: () => {} });
  try {
    const answers: Grown['questions'] = [];
    for (const [name, ask] of QUESTIONS) {
      const took: number[] = [];
      for (let asked = 0; asked < ASKED; asked += 1) {
        signal.throwIfAborted();
        const began = performance.now();
        await ask(db, rows);
        took.push(performance.now() - began);
      }
      answers.push({ name, p50: percentile(took, 0.5), p95: percentile(took, 0.95) });
    }
    return answers;
  } finally {
    await db.$disconnect();
  }
}

/** When one of the stored alerts was received. */
function momentIn(rows: number): Date {
  return new Date(FIRST_FILLED.getTime() + randomInt(rows) * FILLED_EVERY_MS);
}

function dayIn(rows: number): { from: Date; to: Date } {
  return stretch(rows, 24 * 3_600_000);
}

function hourIn(rows: number): { from: Date; to: Date } {
  return stretch(rows, 3_600_000);
}

function stretch(rows: number, ms: number): { from: Date; to: Date } {
  const from = momentIn(rows);
  return { from, to: new Date(from.getTime() + ms) };
}
