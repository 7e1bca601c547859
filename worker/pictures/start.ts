import type { Registry } from '@prometheus-io/client';
import type { Logger } from 'pino';
import { isPooled } from '#config/fields.ts';
import type { Config } from '#config/parse.ts';
import { PICTURE_REASONS, type PictureReason } from '#media/reasons.ts';
import type { MediaStore } from '#media/store.ts';
import type { NewPicture } from '#prisma/alerts.ts';
import { openDatabase } from '#prisma/client.ts';
import type { workerFields } from '../config.ts';
import type { AttemptDeps } from './attempt.ts';
import { makePicture } from './decode.ts';
import type { Decoder } from './decoder.ts';
import type { HandedOver } from './hand-over.ts';
import { createPictureMetrics } from './metrics.ts';
import { createRunner } from './runner.ts';
import { watchStorage } from './storage.ts';
import { startSweep } from './sweep.ts';

type Options = {
  config: Config<typeof workerFields>;
  log: Logger;
  registry: Registry;
  /** Undefined: MEDIA_URL is not set. */
  store: MediaStore | undefined;
  /** What detectDecoder returns. */
  decoder: Promise<Decoder | { missing: string }> | undefined;
} & Pick<AttemptDeps, 'openVideo' | 'isDown' | 'triggerDeliveries'>;

/** What an attempt at an alert needs: the row to insert with its result, and who makes the picture afterwards. */
export type Pictures = { row: NewPicture; handOver(alert: HandedOver): void; close(graceMs: number): Promise<void> };

/** The longest time of ffmpeg for one picture; an 8K frame takes 0.6 s of CPU. */
const DECODER_TIMEOUT_MS = 15_000;

/**
 * Starts to make pictures, with connections to the database of its own, so that they do not delay alerts. Without a decoder
 * or a store, results are recorded with the reason why they have no picture. Returns undefined with PICTURES=off.
 */
export async function startPictures(options: Options): Promise<Pictures | undefined> {
  const { config, log, registry, store } = options;
  if (config.PICTURES === 'off') return undefined;
  const metrics = createPictureMetrics(registry);
  const decoder = await options.decoder;
  if (!store || !decoder) return withoutPictures(log, 'no_storage', PICTURE_REASONS.no_storage);
  if ('missing' in decoder) return withoutPictures(log, 'no_decoder', decoder.missing);
  log.info({ ffmpegPath: decoder.ffmpegPath, version: decoder.version, ...decoder.sandbox }, 'ffmpeg sandboxed');
  const onError = (err: unknown) => log.warn({ err }, 'a picture failed, to be made later');
  const db = openDatabase(config.DATABASE_URL, { poolSize: 2, pooled: isPooled(config), onError });
  const runner = createRunner({
    ...options,
    db,
    metrics,
    storage: watchStorage(store, log),
    make: makeWith(decoder),
    maxCrashes: config.MAX_CRASHES,
    concurrency: config.PICTURE_CONCURRENCY,
    onError,
  });
  const sweep = startSweep({ db, log, metrics, runner });
  return {
    row: { status: 'pending' },
    handOver: runner.handOver,
    async close(graceMs) {
      await Promise.all([sweep.close(), runner.close(graceMs)]);
      await db.$disconnect();
    },
  };
}

function withoutPictures(log: Logger, reason: PictureReason, detail: string): Pictures {
  log.warn({ reason, detail }, 'no pictures are made');
  return { row: { status: 'none', reason, detail }, handOver() {}, async close() {} };
}

function makeWith({ ffmpegPath, sandbox }: Decoder): AttemptDeps['make'] {
  return (video, facts, signal) =>
    makePicture(video, facts, { ffmpegPath, sandbox, signal, timeoutMs: DECODER_TIMEOUT_MS });
}
