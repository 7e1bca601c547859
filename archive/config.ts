import { z } from 'zod';
import { wholeNumber } from '#config/fields.ts';
import { STORAGE_URL_ERROR, storageLocation } from '#media/config.ts';

/** Where alerts are written to before they are deleted. */
export const archiveFields = {
  /** Unset: retention deletes alerts without archiving them. */
  ARCHIVE_URL: z
    .string()
    .refine((url) => storageLocation(url) !== undefined, STORAGE_URL_ERROR)
    .optional(),
  /** How long alerts that were restored are kept. */
  RESTORED_DAYS: wholeNumber(1, 36_500).prefault('7'),
};
