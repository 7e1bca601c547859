import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Registry } from '@prometheus-io/client';
import type { Logger } from 'pino';
import { isPooled } from '#config/fields.ts';
import type { Config } from '#config/parse.ts';
import { storageLocation } from '#media/config.ts';
import type { MediaStore } from '#media/store.ts';
import { openDatabase } from '#prisma/client.ts';
import type { Sources } from '#sources/file.ts';
import type { workerFields } from '../config.ts';
import type { Decoder } from '../pictures/decoder.ts';
import { createVideoSources } from '../video/sources.ts';
import { detectConverter } from './converter.ts';
import { startCopier } from './copier.ts';
import { createCopyMetrics } from './metrics.ts';

type Options = {
  config: Config<typeof workerFields> & { sources: Sources | undefined };
  log: Logger;
  registry: Registry;
  /** Undefined: MEDIA_URL is not set. */
  store: MediaStore | undefined;
  decoder: Promise<Decoder | { missing: string }>;
};

/**
 * Starts to make copies, with connections of its own to the database and to the video servers, so that copies do not delay
 * alerts. Returns at once.
 */
export function startCopies({ config, log, registry, store, decoder }: Options) {
  const limits = {
    maxBytes: config.COPY_MAX_BYTES,
    maxSeconds: config.COPY_MAX_SECONDS,
    timeoutMs: config.COPY_TIMEOUT,
  };
  const db = openDatabase(config.DATABASE_URL, {
    poolSize: 2,
    pooled: isPooled(config),
    onError: (err) => log.warn({ err }, 'database connection lost'),
  });
  const sources = createVideoSources({
    videoServer: config.VIDEO_SERVER,
    sources: config.sources,
    limits: { connections: 1, byteBudget: config.VIDEO_BYTE_BUDGET, timeoutMs: config.FETCH_TIMEOUT_MS },
    attemptMs: config.COPY_TIMEOUT,
  });
  const metrics = createCopyMetrics(registry);
  const closing = new AbortController();
  const start = async () => {
    const converter = await detectConverter(await decoder, limits);
    if (closing.signal.aborted) return undefined;
    if ('missing' in converter) log.warn({ reason: converter.missing }, 'no copies can be made');
    else log.info({ ...converter.sandbox }, 'ffmpeg of copies sandboxed');
    return startCopier({
      ...{ db, log, metrics, store, converter, sources, limits },
      cacheBytes: config.COPY_CACHE_BYTES,
      temporaryFolder: temporaryFolder(config),
      renewMs: 5_000,
    });
  };
  const copier = start();
  return {
    replaceSources: (changed: Sources) => void sources.replace(changed),
    /** Aborts the copy in progress, which does not count. */
    async close() {
      closing.abort();
      await (await copier)?.close();
      sources.close();
      await db.$disconnect();
    },
  };
}

/** The system's folder for temporary files is often a small part of the memory. */
function temporaryFolder({ COPY_TMPDIR, MEDIA_URL }: Options['config']): string {
  if (COPY_TMPDIR !== undefined) return COPY_TMPDIR;
  const location = MEDIA_URL === undefined ? undefined : storageLocation(MEDIA_URL);
  return location?.kind === 'file' ? join(fileURLToPath(location.folder), 'tmp') : tmpdir();
}
