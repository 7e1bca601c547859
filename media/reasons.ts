const BOTH = {
  no_decoder: 'There is no ffmpeg to decode the video with. Install it, or set FFMPEG_PATH.',
  no_storage: 'There is no place to store it. Set MEDIA_URL.',
  frame_too_large: 'Its first frame is larger than the limit.',
  frame_not_found: 'No key frame was found in the part of the video that may be read.',
  frame_damaged: 'Its first frame is damaged.',
  decoder_failed: 'The decoder cannot decode the video.',
  decoder_timeout: 'The decoder took too long.',
  video_unavailable: 'The video could not be read.',
  file_lost: 'The stored file is missing, and could not be made again.',
} as const;

/** Why an alert has no picture. */
export const PICTURE_REASONS = {
  disabled: 'Pictures are switched off, or were when the alert was processed.',
  ...BOTH,
  not_archived: 'It was deleted with the alert, which was restored from the archive.',
} as const;

/** Why an alert has no copy of its video. */
export const COPY_REASONS = {
  disabled: 'No copy was requested.',
  ...BOTH,
  too_long: 'The video is longer than COPY_MAX_SECONDS.',
  too_large: 'The video or its copy is larger than COPY_MAX_BYTES.',
  playable: 'Browsers play the original.',
  too_slow: 'The copy took longer than COPY_TIMEOUT.',
} as const;

export type PictureReason = keyof typeof PICTURE_REASONS;
export type CopyReason = keyof typeof COPY_REASONS;
