import type pg from 'pg';
import { type AuditAction, commandLine } from '#prisma/audit.ts';

/** Appends an entry about a backup to the audit log. Its actor is the user of the operating system. */
export async function appendEntry(
  client: pg.Client,
  { action, target, details }: { action: AuditAction; target: string; details: Record<string, unknown> },
): Promise<void> {
  const { id, name } = commandLine();
  await client.query(
    'INSERT INTO public.audit_log (actor, actor_name, action, target, details) VALUES ($1, $2, $3, $4, $5)',
    [id, name, action, target, details],
  );
}
