import type { Database } from './client.ts';
import type { AlertRound } from './generated/client.ts';

export type { AlertRound } from './generated/client.ts';

/** Returns the rounds of attempts that failed before an operator's retries, oldest first. */
export async function listRounds(db: Database, alertId: bigint): Promise<AlertRound[]> {
  return db.alertRound.findMany({ where: { alertId }, orderBy: { attempts: 'asc' } });
}
