import { z } from 'zod';
import type { Alert } from '#prisma/alerts.ts';
import { FailureCode } from '#prisma/generated/enums.ts';

const failureCode = z.enum(FailureCode);

export const lastErrorSchema = z
  .strictObject({ code: failureCode, detail: z.string(), at: z.iso.datetime().nullable() })
  .meta({ description: 'While the alert is not final: why its last attempt failed. It is retried automatically.' });

/** Returns why the last attempt failed, until the alert is final; then `failure` does. */
export function lastErrorOf({ status, lastError, lastErrorAt }: Alert): z.infer<typeof lastErrorSchema> | null {
  if (lastError === null || (status !== 'pending' && status !== 'processing')) return null;
  const [, code, detail = ''] = /^(\w+): (.*)$/s.exec(lastError) ?? [];
  const known = failureCode.safeParse(code);
  return known.success ? { code: known.data, detail, at: lastErrorAt?.toISOString() ?? null } : null;
}
