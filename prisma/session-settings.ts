/**
 * The settings of a session whose client waits this long for a response. The role of prisma/roles.sql has the same ones for
 * sessions behind a pooler, which does not pass on what a client sends at its start.
 *
 * PostgreSQL must abort a statement before pg gives up on it. Otherwise the statement continues behind a lock, commits
 * later although it was reported as failed, and keeps its backend: after 80 s of a locked table there were 21 backends,
 * whose claims then ended every alert as crashed.
 */
export function sessionSettings(queryTimeoutMs: number) {
  return {
    // A prepared statement would keep the plan for an empty table for minutes, and scan the whole table once it has grown:
    // 0.37 ms of PostgreSQL's CPU per alert at 24,000 rows instead of 0.13. A plan per execution costs 0.03 ms.
    plan_cache_mode: 'force_custom_plan',
    statement_timeout: Math.round(queryTimeoutMs * 0.8),
    lock_timeout: Math.round(queryTimeoutMs * 0.7),
    idle_in_transaction_session_timeout: queryTimeoutMs,
  };
}

export type Setting = { name: string; setting: string };

/** Reads the settings of a session; time limits in ms. */
export const READ_SETTINGS = `SELECT name, setting FROM pg_settings WHERE name IN
  ('plan_cache_mode', 'statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout')`;

/**
 * Throws an error that says what to do if a session of the pooler lacks these settings. A time limit may be shorter than
 * ours, and no longer than the client waits.
 */
export function assertSessionSettings(found: Setting[], queryTimeoutMs: number): void {
  const wanted = Object.entries(sessionSettings(queryTimeoutMs));
  const wrong = wanted.flatMap(([name, value]) => {
    const setting = found.find((each) => each.name === name)?.setting;
    const isRight =
      typeof value === 'string' ? setting === value : Number(setting) > 0 && Number(setting) <= queryTimeoutMs;
    return isRight ? [] : [{ name, value, setting }];
  });
  if (wrong.length === 0) return;
  const are = wrong.map(({ name, setting }) => `${name} is ${setting}`).join(', ');
  const changes = wrong.map(({ name, value }) => `ALTER ROLE CURRENT_USER SET ${name} = '${value}';`).join(' ');
  throw new Error(
    `DATABASE_DIRECT_URL is set, so DATABASE_URL is that of a pooler, and its sessions have other settings than this program needs: ${are}. ` +
      `Run prisma/roles.sql again, or connect as the role of DATABASE_URL and run: ${changes} ` +
      'Then let the pooler open new connections (PgBouncer: RECONNECT)',
  );
}
