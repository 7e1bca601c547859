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
  ['jpeg', 'mjpeg'],
  ['FFV1', 'ffv1'],
  ['yuvs', 'rawvideo'],
  ['2vuy', 'rawvideo'],
  // Matroska.
  ['V_MPEG4/ISO/SP', 'mpeg4'],
  ['V_MPEG4/ISO/ASP', 'mpeg4'],
  ['V_MPEG4/ISO/AP', 'mpeg4'],
  ['V_MPEG4/MS/V3', 'msmpeg4v3'],
  ['V_MJPEG', 'mjpeg'],
  ['V_FFV1', 'ffv1'],
  ['V_UNCOMPRESSED', 'rawvideo'],
]);

const byObjectType = new Map([
  [0x20, 'mpeg4'],
  [0x6c, 'mjpeg'],
]);

/**
 * ffmpeg's name of a codec; undefined where it is not a usual one.
 * @param name mediabunny's, or where it has none what the track calls it.
 * @param config what the track has for its decoder: two kinds of track tell only there what they are.
 */
export function codecOfTrack(name: string, config: Buffer | undefined): string | undefined {
  // AVI's header of a picture within Matroska.
  if (name === 'V_MS/VFW/FOURCC') return codecOfFourcc(config?.toString('latin1', 16, 20) ?? '');
  if (name === 'mp4v') return byObjectType.get(objectTypeOf(config) ?? 0);
  return byTrack.get(name);
}

/** ISO/IEC 14496-1, 7.2.6: within the elementary stream's descriptor, 3, that of its decoder, 4, begins with the type. */
function objectTypeOf(esds: Buffer | undefined): number | undefined {
  if (esds?.[4] !== 3) return undefined;
  const at = behindLength(esds, 5) + 3;
  return esds[at] === 4 ? esds[behindLength(esds, at + 1)] : undefined;
}

function behindLength(bytes: Buffer, from: number): number {
  let at = from;
  while (((bytes[at] ?? 0) & 0x80) > 0) at += 1;
  return at + 1;
}
