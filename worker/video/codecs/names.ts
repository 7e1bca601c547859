/** Maps ffmpeg's codec names to the four-character codes of AVI and QuickTime. ffprobe handles all others. */
const fourccs: Record<string, readonly string[]> = {
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
  Object.entries(fourccs).flatMap(([name, codes]) => codes.map((code) => [code, name] as const)),
);

/** Returns ffmpeg's name of the codec for AVI's biCompression; undefined for an uncommon one. */
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
 * Returns ffmpeg's name of a codec; undefined for an uncommon one.
 * @param name mediabunny's name, or the track's own if mediabunny has none.
 * @param config the track's decoder configuration: two kinds of track name their codec only there.
 */
export function codecOfTrack(name: string, config: Buffer | undefined): string | undefined {
  // Matroska with the picture header of an AVI.
  if (name === 'V_MS/VFW/FOURCC') return codecOfFourcc(config?.toString('latin1', 16, 20) ?? '');
  if (name === 'mp4v') return byObjectType.get(objectTypeOf(config) ?? 0);
  return byTrack.get(name);
}

/** ISO/IEC 14496-1, 7.2.6: ES_Descriptor (tag 3) contains DecoderConfigDescriptor (tag 4), which begins with the type. */
function objectTypeOf(esds: Buffer | undefined): number | undefined {
  if (esds?.[4] !== 3) return undefined;
  const at = afterLength(esds, 5) + 3;
  return esds[at] === 4 ? esds[afterLength(esds, at + 1)] : undefined;
}

/** Returns the offset after a length field, whose bytes but the last have their highest bit set. */
function afterLength(bytes: Buffer, from: number): number {
  let at = from;
  while (((bytes[at] ?? 0) & 0x80) > 0) at += 1;
  return at + 1;
}
