/** ffmpeg's names for what AVI and QuickTime write as four letters. What is not here, ffprobe is asked about. */
const names: Record<string, readonly string[]> = {
  h264: ['H264', 'X264', 'AVC1', 'DAVC', 'VSSH', 'h264', 'x264', 'avc1'],
  hevc: ['HEVC', 'H265', 'hevc', 'h265'],
  av1: ['AV01', 'av01'],
  vp8: ['VP80'],
  vp9: ['VP90'],
  mpeg4: ['FMP4', 'DIVX', 'DX50', 'XVID', 'MP4V', 'XVIX', 'divx', 'xvid', 'mp4v'],
  mjpeg: ['MJPG', 'mjpg'],
  ffv1: ['FFV1'],
  huffyuv: ['HFYU'],
  ffvhuff: ['FFVH'],
  msmpeg4v2: ['MP42', 'DIV2'],
  msmpeg4v3: ['MP43', 'DIV3'],
  rawvideo: ['\0\0\0\0', 'I420', 'IYUV', 'YV12', 'YUY2', 'UYVY', 'Y800'],
};
const byFourcc = new Map(
  Object.entries(names).flatMap(([name, fourccs]) => fourccs.map((fourcc) => [fourcc, name] as const)),
);

/** ffmpeg's name of the codec behind biCompression; undefined where it is not among the usual ones. */
export function codecOfFourcc(fourcc: string): string | undefined {
  return byFourcc.get(fourcc);
}

const byTrack = new Map([
  ['avc', 'h264'],
  ['hevc', 'hevc'],
  ['vp8', 'vp8'],
  ['vp9', 'vp9'],
  ['av1', 'av1'],
  ['prores', 'prores'],
  // Sample entries of mp4 and mov.
  ['mp4v', 'mpeg4'],
  ['jpeg', 'mjpeg'],
  ['FFV1', 'ffv1'],
  ['raw ', 'rawvideo'],
  ['yuvs', 'rawvideo'],
  ['2vuy', 'rawvideo'],
  // Matroska.
  ['V_MPEG4/ISO/SP', 'mpeg4'],
  ['V_MPEG4/ISO/ASP', 'mpeg4'],
  ['V_MPEG4/ISO/AP', 'mpeg4'],
  ['V_MJPEG', 'mjpeg'],
  ['V_FFV1', 'ffv1'],
  ['V_UNCOMPRESSED', 'rawvideo'],
]);

/** ffmpeg's name of a codec by mediabunny's, or by what the track calls it; undefined where it is not a usual one. */
export function codecOfTrack(name: string): string | undefined {
  return byTrack.get(name);
}
