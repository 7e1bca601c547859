import type { CrossCheck, Size } from '../types.ts';
import { BitReader } from './bit-reader.ts';
import { sizesInFrame, sizesOfParameterSets } from './parameter-sets.ts';

const startCode = Buffer.from([0, 0, 1]);

type ReadSizes = (bytes: Buffer, config?: Buffer) => Size[];

/** Codecs whose data states no size: the decoder uses the container's, unless the picture is too large. */
const codecsWithoutSize = new Set(['rawvideo', 'ffv1', 'huffyuv', 'ffvhuff', 'msmpeg4v2', 'msmpeg4v3']);
const maxPixels = 2 ** 27;

const inConfig: Record<string, ReadSizes> = {
  h264: (bytes) => sizesOfParameterSets('h264', bytes),
  hevc: (bytes) => sizesOfParameterSets('hevc', bytes),
  // av1C has four bytes before its units; a frame has units only.
  av1: (bytes) => sizesOfAv1(bytes.subarray(4)),
  mpeg4: sizesOfMpeg4,
};
const inFrame: Record<string, ReadSizes> = {
  h264: (bytes, config) => sizesInFrame('h264', bytes, config),
  hevc: (bytes, config) => sizesInFrame('hevc', bytes, config),
  av1: sizesOfAv1,
  mpeg4: sizesOfMpeg4,
  vp8: sizesOfVp8,
  vp9: sizesOfVp9,
  mjpeg: sizesOfJpeg,
  prores: sizesOfProres,
};

/**
 * Whether the codec's own data states the same size as the container. If they differ, or the data states none or cannot
 * be read, only a decoder knows what will be shown.
 * @param codec ffmpeg's name. Throws any error of `crossCheck.frame`.
 */
export async function confirmsSize(codec: string, size: Size, crossCheck: CrossCheck): Promise<boolean> {
  if (codecsWithoutSize.has(codec)) return size.width * size.height <= maxPixels;
  const { config, inBand, frame, fetchedFrame } = crossCheck;
  const configured = config === undefined ? [] : readSizes(inConfig[codec], config);
  const isStated = configured.length > 0;
  if (isStated && !allEqual(configured, size)) return false;
  const read = inFrame[codec];
  if (read === undefined) return isStated;
  // Decoders use the parameter sets in the frame, if there are any. A frame that would take a request is read only if
  // the sample entry announces them.
  const first = await (isStated && !inBand ? fetchedFrame?.() : frame());
  const framed = first === undefined ? [] : readSizes(read, first, config);
  return framed.length > 0 ? allEqual(framed, size) : isStated;
}

function readSizes(read: ReadSizes | undefined, bytes: Buffer, config?: Buffer): Size[] {
  try {
    return read?.(bytes, config) ?? [];
  } catch (error) {
    if (error instanceof RangeError) return [];
    throw error;
  }
}

function allEqual(sizes: Size[], { width, height }: Size): boolean {
  return sizes.length > 0 && sizes.every((each) => each.width === width && each.height === height);
}

/** RFC 6386, 9.1: a key frame begins with its size. */
function sizesOfVp8(frame: Buffer): Size[] {
  const isKey =
    frame.length >= 10 && (frame.readUInt8(0) & 1) === 0 && frame.readUInt16BE(3) === 0x9d01 && frame[5] === 0x2a;
  if (!isKey) return [];
  return [{ width: frame.readUInt16LE(6) & 0x3fff, height: frame.readUInt16LE(8) & 0x3fff }];
}

/** VP9 bitstream specification, 6.2. */
function sizesOfVp9(frame: Buffer): Size[] {
  const bits = new BitReader(frame);
  if (bits.read(2) !== 2) return [];
  const profile = bits.read(1) + 2 * bits.read(1);
  if (profile === 3) bits.skip(1);
  const [existing, inter] = [bits.flag(), bits.flag()];
  bits.skip(2);
  if (existing || inter || bits.read(24) !== 0x498342) return [];
  if (profile >= 2) bits.skip(1);
  const rgb = bits.read(3) === 7;
  const subsampled = profile % 2 === 1;
  if (rgb) bits.skip(subsampled ? 1 : 0);
  else bits.skip(subsampled ? 4 : 1);
  return [{ width: bits.read(16) + 1, height: bits.read(16) + 1 }];
}

/** AV1 bitstream specification, 5.3 and 5.5: the sequence header, which may be any of the units. */
function sizesOfAv1(units: Buffer): Size[] {
  for (let position = 0; position < units.length; ) {
    const header = units[position] ?? 0;
    position += (header & 4) > 0 ? 2 : 1;
    if ((header & 2) === 0) return [];
    let length = 0;
    for (let shift = 0, byte = 0x80; (byte & 0x80) > 0 && shift < 32; shift += 7, position += 1) {
      byte = units[position] ?? 0;
      length += (byte & 0x7f) * 2 ** shift;
    }
    if (((header >> 3) & 15) === 1) return [sizeOfSequence(new BitReader(units.subarray(position, position + length)))];
    position += length;
  }
  return [];
}

function sizeOfSequence(bits: BitReader): Size {
  bits.skip(4);
  // The short form has the level only. Timing information is rare (broadcasts) and left to the decoder.
  const isShort = bits.flag();
  if (isShort) bits.skip(5);
  else skipOperatingPoints(bits);
  const [widthBits, heightBits] = [bits.read(4) + 1, bits.read(4) + 1];
  return { width: bits.read(widthBits) + 1, height: bits.read(heightBits) + 1 };
}

function skipOperatingPoints(bits: BitReader): void {
  if (bits.flag()) throw new RangeError('the sequence header has timing information');
  const hasDelay = bits.flag();
  for (let remaining = bits.read(5); remaining >= 0; remaining -= 1) {
    bits.skip(12);
    if (bits.read(5) > 7) bits.skip(1);
    if (hasDelay && bits.flag()) bits.skip(4);
  }
}

/** ISO/IEC 14496-2, 6.2.3: the video object layer, in an esds descriptor or before the first frame. */
function sizesOfMpeg4(bytes: Buffer): Size[] {
  for (let at = bytes.indexOf(startCode); at >= 0; at = bytes.indexOf(startCode, at + 3)) {
    if (((bytes[at + 3] ?? 0) & 0xf0) === 0x20) return sizesOfLayer(new BitReader(bytes.subarray(at + 4)));
  }
  return [];
}

function sizesOfLayer(bits: BitReader): Size[] {
  bits.skip(9);
  if (bits.flag()) bits.skip(7);
  if (bits.read(4) === 15) bits.skip(16);
  if (bits.flag()) {
    bits.skip(3);
    if (bits.flag()) bits.skip(79);
  }
  const rectangular = bits.read(2) === 0;
  bits.skip(1);
  const resolution = bits.read(16);
  bits.skip(1);
  if (bits.flag()) bits.skip(Math.max(1, 32 - Math.clz32(resolution - 1)));
  bits.skip(1);
  const width = bits.read(13);
  bits.skip(1);
  return rectangular ? [{ width, height: bits.read(13) }] : [];
}

/** ITU-T T.81, B.2.2: the frame header, after tables and application data. */
function sizesOfJpeg(frame: Buffer): Size[] {
  if (frame.length < 2 || frame.readUInt16BE(0) !== 0xffd8) return [];
  for (let position = 2; position + 9 <= frame.length; ) {
    const marker = frame.readUInt16BE(position);
    if (marker < 0xff01) return [];
    const isFrame = marker >= 0xffc0 && marker <= 0xffcf && ![0xffc4, 0xffc8, 0xffcc].includes(marker);
    if (isFrame) return [{ width: frame.readUInt16BE(position + 7), height: frame.readUInt16BE(position + 5) }];
    position += 2 + frame.readUInt16BE(position + 2);
  }
  return [];
}

/** SMPTE RDD 36, 5.1. */
function sizesOfProres(frame: Buffer): Size[] {
  if (frame.length < 20 || frame.readUInt32BE(4) !== 0x69637066) return [];
  return [{ width: frame.readUInt16BE(16), height: frame.readUInt16BE(18) }];
}
