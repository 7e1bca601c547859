/** Why a video has no picture and never will: codes of PICTURE_REASONS. */
export type PictureReason =
  | 'no_decoder'
  | 'frame_too_large'
  | 'frame_not_found'
  | 'frame_damaged'
  | 'decoder_failed'
  | 'decoder_timeout';

/** Another try with the same video would end the same way. */
export class PictureError extends Error {
  readonly reason: PictureReason;

  /** @param detail one sentence for operators. */
  constructor(reason: PictureReason, detail: string, options?: { cause?: unknown }) {
    super(detail, options);
    this.name = 'PictureError';
    this.reason = reason;
  }
}
