import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import type { MediaStore } from '#media/store.ts';

/** The store does not accept files: the disk is full, read-only or unreachable. */
export class StorageFailed extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = 'StorageFailed';
  }
}

export type Storage = {
  /** Stores a picture and returns its SHA-256. Throws StorageFailed. */
  put(webp: Buffer): Promise<Buffer>;
  /** Returns whether pictures can be stored. After a failure, checks that again every `checkMs`. Never throws. */
  isAvailable(): Promise<boolean>;
};

/** Returns the store of pictures, which logs once per outage. During one, no picture is made, because none could be stored. */
export function watchStorage(
  store: Pick<MediaStore, 'put' | 'check'>,
  log: Logger,
  { checkMs = 10_000 }: { checkMs?: number } = {},
): Storage {
  let failing = false;
  let checkedAt = 0;
  const failed = (err: unknown) => {
    if (!failing) log.warn({ err }, 'pictures cannot be stored: they wait until they can');
    failing = true;
    checkedAt = performance.now();
  };
  return {
    async put(webp) {
      const sha256 = createHash('sha256').update(webp).digest();
      try {
        await store.put('picture', webp, sha256.toString('hex'));
        return sha256;
      } catch (error) {
        failed(error);
        throw new StorageFailed(error);
      }
    },
    async isAvailable() {
      if (!failing) return true;
      if (performance.now() - checkedAt < checkMs) return false;
      checkedAt = performance.now();
      try {
        await store.check();
        failing = false;
        log.warn('pictures can be stored again');
      } catch (error) {
        failed(error);
      }
      return !failing;
    },
  };
}
