import type { Database, Transaction } from './client.ts';
import type { RetentionRule } from './generated/client.ts';

export type { RetentionRule } from './generated/client.ts';

export type FinalStatus = 'processed' | 'failed';

/** What a rule applies to: null is all. */
export type RuleTarget = { store: string | null; status: FinalStatus | null };

/** How long alerts are kept after their receipt; null: forever. */
export type Rule = RuleTarget & { days: number | null };

/** Returns the rules, those of all stores first. */
export async function listRetentionRules(db: Database): Promise<RetentionRule[]> {
  return db.retentionRule.findMany({
    orderBy: [{ store: { sort: 'asc', nulls: 'first' } }, { status: { sort: 'asc', nulls: 'first' } }],
  });
}

export async function findRetentionRule(db: Database, id: string): Promise<RetentionRule | null> {
  return db.retentionRule.findUnique({ where: { id } });
}

/** Inserts the rule, or replaces the one with the same target. */
export async function setRetentionRule(
  db: Pick<Database | Transaction, '$queryRaw'>,
  { store, status, days, updatedBy }: Rule & { updatedBy: string },
): Promise<RetentionRule> {
  const [row] = await db.$queryRaw<RetentionRule[]>`
    INSERT INTO retention_rules (store, status, days, updated_by)
    VALUES (${store}, ${status}::alert_status, ${days}::int, ${updatedBy})
    ON CONFLICT (store, status) DO UPDATE SET days = EXCLUDED.days, updated_by = EXCLUDED.updated_by, updated_at = now()
    RETURNING id::text, store, status::text, days, updated_by AS "updatedBy", updated_at AS "updatedAt"`;
  if (!row) throw new Error('an upsert returns its row');
  return row;
}

/** Deletes the rule and returns it; null if there is none. */
export async function deleteRetentionRule(
  db: Pick<Database | Transaction, '$queryRaw'>,
  id: string,
): Promise<RetentionRule | null> {
  const [row] = await db.$queryRaw<RetentionRule[]>`
    DELETE FROM retention_rules WHERE id = ${id}::uuid
    RETURNING id::text, store, status::text, days, updated_by AS "updatedBy", updated_at AS "updatedAt"`;
  return row ?? null;
}

/** Alerts that are kept for the same time: those of one store, or of all stores but some; of one status, or of both. */
export type Part = RuleTarget & { exceptStores: string[]; days: number };

/**
 * Returns the parts of the table whose alerts are deleted some day. No alert is in two of them. The most specific rule
 * applies: store and status, store, status, all, then `defaultDays`; without any, alerts are kept forever. With
 * `onlyStore`, the parts are those of this store.
 */
export function partsOf(
  rules: readonly (Rule | RetentionRule)[],
  defaultDays: number | undefined,
  onlyStore?: string,
): Part[] {
  const found = new Map(rules.map(({ store, status, days }) => [keyOf(store, status), days]));
  const daysOf = (store: string | null, status: FinalStatus) => {
    for (const key of [keyOf(store, status), keyOf(store, null), keyOf(null, status), keyOf(null, null)]) {
      const days = found.get(key);
      if (days !== undefined) return days;
    }
    return defaultDays ?? null;
  };
  const stores = [...new Set(rules.flatMap(({ store }) => store ?? []))];
  return (onlyStore === undefined ? [null, ...stores] : [onlyStore]).flatMap((store) => {
    const exceptStores = store === null ? stores : [];
    const processed = daysOf(store, 'processed');
    const failed = daysOf(store, 'failed');
    const part = (status: FinalStatus | null, days: number | null): Part[] =>
      days === null ? [] : [{ store, exceptStores, status, days }];
    return processed === failed ? part(null, failed) : [...part('processed', processed), ...part('failed', failed)];
  });
}

function keyOf(store: string | null, status: string | null): string {
  return JSON.stringify([store, status]);
}
