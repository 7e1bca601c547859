/** What a probe has found of a video. `pixelFormat`: ffmpeg's name, if it is known. */
export type Format = { container: string | null; codec: string | null; pixelFormat?: string | undefined };

/**
 * Codecs that the common browsers play in a container. HEVC is not among them: it depends on the device. Chromium also
 * plays some MKV files, other browsers do not.
 */
const PLAYABLE: Record<string, readonly string[]> = {
  mp4: ['h264', 'vp9', 'av1'],
  mov: ['h264'],
  webm: ['vp8', 'vp9', 'av1'],
};

/** 4:2:0 with 8 bits per sample, also with the full range. Browsers do not play H.264 with others. */
const PLAYABLE_PIXELS = ['yuv420p', 'yuvj420p', 'nv12', 'gray'];

/** Returns whether browsers play the video, as far as its format shows. */
export function isPlayable({ container, codec, pixelFormat }: Format): boolean {
  if (container === null || codec === null || !PLAYABLE[container]?.includes(codec)) return false;
  return codec !== 'h264' || pixelFormat === undefined || PLAYABLE_PIXELS.includes(pixelFormat);
}
