/** Decoders of pictures that ffmpeg and ffprobe may open: those of cameras, phones and common editors. */
export const PICTURE_DECODERS = [
  ...['h264', 'hevc', 'mpeg4', 'mjpeg', 'mjpegb', 'mpeg1video', 'mpeg2video', 'h263', 'h263i', 'h263p'],
  ...['vp8', 'vp9', 'libvpx', 'libvpx-vp9', 'av1', 'libdav1d', 'libaom-av1'],
  ...['msmpeg4v1', 'msmpeg4v2', 'msmpeg4', 'wmv1', 'wmv2', 'wmv3', 'vc1', 'flv', 'theora', 'svq1', 'svq3', 'cinepak'],
  ...['rawvideo', 'ffv1', 'huffyuv', 'ffvhuff', 'utvideo', 'dvvideo', 'prores', 'dnxhd', 'cfhd'],
  // Pictures: covers, and time-lapse recordings.
  ...['jpeg2000', 'libopenjpeg', 'png'],
] as const;

/**
 * Decoders that ffprobe may open, by ffmpeg's names. It knows 500; security fixes in ffmpeg are mostly for the others. A
 * video with another codec, also of its sound, is unreadable.
 */
export const ALLOWED_DECODERS = [
  ...PICTURE_DECODERS,
  ...['aac', 'aac_fixed', 'aac_latm', 'mp3', 'mp3float', 'mp2', 'mp2float', 'ac3', 'eac3', 'dca', 'truehd'],
  ...['opus', 'libopus', 'vorbis', 'flac', 'alac', 'speex', 'libspeex', 'wmav1', 'wmav2', 'amrnb', 'amrwb'],
  ...['pcm_alaw', 'pcm_mulaw', 'pcm_s8', 'pcm_u8', 'pcm_s16be', 'pcm_s16le', 'pcm_s24be', 'pcm_s24le'],
  ...['pcm_s32be', 'pcm_s32le', 'pcm_f32be', 'pcm_f32le', 'pcm_f64be', 'pcm_f64le'],
  ...['adpcm_ima_wav', 'adpcm_ima_qt', 'adpcm_ms', 'adpcm_yamaha', 'g722', 'g723_1', 'g726', 'g726le', 'g729'],
  ...['gsm', 'gsm_ms'],
  ...['mov_text', 'subrip', 'srt', 'ass', 'ssa', 'webvtt', 'text'],
] as const;
