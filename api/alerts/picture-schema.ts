import { z } from 'zod';
import { MediaStatus } from '#prisma/generated/enums.ts';

/** The picture of an alert, or why there is none. */
export const pictureSchema = z.strictObject({
  status: z
    .enum(MediaStatus)
    .meta({ description: 'pending: it is being made. none: there is no picture, see reason.' }),
  reason: z.string().nullable().meta({ description: 'A code: why there is none, or why it is late.' }),
  detail: z.string().nullable().meta({ description: 'The reason in one sentence.' }),
  width: z.int().nullable().meta({ description: 'Of the picture, not of the video.' }),
  height: z.int().nullable(),
  picture_bytes: z.int().meta({ description: 'Bytes fetched for the picture, in addition to bytes_fetched.' }),
});
