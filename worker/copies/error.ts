import type { CopyReason } from '#media/reasons.ts';

/** Why a video has no copy. Another try with the same video would end the same way. */
export class CopyError extends Error {
  readonly reason: CopyReason;

  /** @param detail one sentence for operators. */
  constructor(reason: CopyReason, detail: string, options?: { cause?: unknown }) {
    super(detail, options);
    this.name = 'CopyError';
    this.reason = reason;
  }
}
