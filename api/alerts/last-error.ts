import { z } from 'zod';
import { FailureCode } from '#prisma/generated/enums.ts';

const failureCode = z.enum(FailureCode);

export const lastErrorSchema = z
  .strictObject({ code: failureCode, detail: z.string(), at: z.iso.datetime().nullable() })
  .meta({ description: 'While the alert is not final: why its last attempt failed. It is retried automatically.' });
