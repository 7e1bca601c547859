const startCode = Buffer.from([0, 0, 1]);
const mpeg4Picture = 0xb6;

/**
 * Whether a frame can be decoded without another one, according to its first bytes; true for a codec of which this module
 * does not know.
 * @param codec ffmpeg's name; units of H.264 and HEVC have start codes.
 */
export function isKeyFrame(codec: string | undefined, beginning: Buffer): boolean {
  if (codec === 'vp8') return ((beginning[0] ?? 0) & 1) === 0;
  const isKeyUnit = units[codec ?? ''];
  if (isKeyUnit === undefined) return true;
  let known = false;
  for (let at = beginning.indexOf(startCode); at >= 0; at = beginning.indexOf(startCode, at + 3)) {
    const result = isKeyUnit(beginning[at + 3] ?? 0, beginning[at + 4] ?? 0);
    if (result === true) return true;
    known ||= result === false;
  }
  return !known;
}

/** Whether a unit belongs to a key frame, by its first two bytes; undefined if it says nothing about that. */
const units: Record<string, (first: number, second: number) => boolean | undefined> = {
  h264(first) {
    const type = first & 0x1f;
    // A slice of a key frame, a sequence parameter set; a slice of another frame.
    return type === 5 || type === 7 ? true : type === 1 || type === 2 ? false : undefined;
  },
  hevc(first) {
    const type = (first >> 1) & 0x3f;
    if (type >= 16 && type <= 23) return true;
    return type < 16 ? false : undefined;
  },
  mpeg4(first, second) {
    return first === mpeg4Picture ? second >> 6 === 0 : undefined;
  },
};
