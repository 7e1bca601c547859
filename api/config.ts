import { z } from 'zod';
import { databaseFields, logFields, wholeNumber } from '#prisma/config.ts';
import { queueFields } from '#redis/contract.ts';
import { signalFields } from '#signals/config.ts';

/** Every variable of the api. Loopback unless HOST says otherwise: nothing is open by default. */
export const apiFields = {
  ...databaseFields,
  ...queueFields,
  ...logFields,
  ...signalFields,
  HOST: z.string().default('127.0.0.1'),
  PORT: wholeNumber(0, 65_535).prefault('8000'),
  /** Express' `trust proxy`: how many proxies stand before this process. 0 believes no X-Forwarded-* header. */
  TRUST_PROXY: wholeNumber(0, 10).prefault('0'),
  /** Event streams and `Prefer: wait` held open at a time by one process, of one key (of one address without keys). */
  MAX_HELD: wholeNumber(1, 10_000).prefault('32'),
};
