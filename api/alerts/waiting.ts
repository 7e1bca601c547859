import { z } from 'zod';
import type { Database } from '#prisma/client.ts';
import { FailureCode } from '#prisma/generated/enums.ts';
import { countWaiting, MAX_COUNTED, type WaitingCount } from '#prisma/statistics.ts';

const instant = z.iso.datetime();

export const waitingSchema = z
  .array(
    z.strictObject({
      source: z.string().nullable().meta({
        description: 'The video source, as SOURCES_FILE maps it; null without SOURCES_FILE.',
      }),
      code: z.enum(FailureCode).meta({ description: 'Why most of their last attempts failed.' }),
      count: z.int().min(1),
      since: instant.meta({ description: 'When the oldest of them was received, or was retried by an operator.' }),
      next_attempt_at: instant.nullable().meta({ description: 'The next of their attempts whose time is known.' }),
    }),
  )
  .meta({
    description:
      'Alerts that wait for another attempt, by the source of their videos, most first: of all stores and times that the key ' +
      `may access, among the oldest ${MAX_COUNTED} unfinished alerts.`,
  });

export type Waiting = z.infer<typeof waitingSchema>;

/** Returns the name of the source that has the video of an alert; null without SOURCES_FILE. */
export type SourceOf = (alert: { store: string; source: string | null }) => string | null;

/** Returns how many alerts of each source wait for another attempt. */
export async function readWaiting(db: Database, sourceOf: SourceOf, stores?: readonly string[]): Promise<Waiting> {
  const bySource = Map.groupBy(await countWaiting(db, stores), sourceOf);
  const waiting = [...bySource].flatMap(([source, counts]) => {
    const code = mostFrequentCode(counts);
    if (code === undefined) return [];
    const next = counts.flatMap((each) => each.next ?? []);
    return {
      source,
      code,
      count: counts.reduce((sum, { count }) => sum + count, 0),
      since: earliest(counts.map(({ since }) => since)),
      next_attempt_at: next.length === 0 ? null : earliest(next),
    };
  });
  return waiting.sort((a, b) => b.count - a.count);
}

const earliest = (times: Date[]) => new Date(Math.min(...times.map(Number))).toISOString();

function mostFrequentCode(counts: WaitingCount[]): FailureCode | undefined {
  const sums = new Map<string, number>();
  for (const { code, count } of counts) sums.set(code, (sums.get(code) ?? 0) + count);
  const [most] = [...sums].sort(([, a], [, b]) => b - a);
  return Object.values(FailureCode).find((code) => code === most?.[0]);
}
