import type { Target } from './attack.ts';

/** Returns the highest result of a query that counts, of some 50 runs per second in one session. */
export async function highestCount({ sql }: Target, query: string, seconds: number): Promise<number> {
  const result = await sql(`
    DO $$
    DECLARE
      found bigint;
      highest bigint := 0;
      ends timestamptz := clock_timestamp() + interval '${seconds} s';
    BEGIN
      WHILE clock_timestamp() < ends LOOP
        PERFORM pg_stat_clear_snapshot(); -- the statistics are otherwise read once per transaction
        ${query.replace('SELECT count(*)', 'SELECT count(*) INTO found')};
        highest := greatest(highest, found);
        PERFORM pg_sleep(0.02);
      END LOOP;
      PERFORM set_config('attack.highest', highest::text, false);
    END $$;
    SELECT current_setting('attack.highest')`);
  return Number(result);
}
