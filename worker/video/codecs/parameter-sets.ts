import type { Size } from '../types.ts';
import { BitReader } from './bit-reader.ts';

/** H.264 profiles whose parameter sets state the chroma format. */
const profilesWithChroma = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);
const startCode = Buffer.from([0, 0, 1]);
const sequenceTypes = { h264: 7, hevc: 33 };

type Codec = keyof typeof sequenceTypes;

/** Returns the cropped sizes in the sequence parameter sets of an avcC or hvcC box, or of a frame in Annex B format. */
export function sizesOfParameterSets(codec: Codec, bytes: Uint8Array): Size[] {
  const units = isAnnexB(bytes) ? annexBUnits(bytes) : codec === 'h264' ? avcUnits(bytes) : hevcUnits(bytes);
  return units.filter((unit) => typeOf(codec, unit) === sequenceTypes[codec]).map((unit) => sizeOf(codec, unit));
}

/**
 * Returns the cropped sizes in the sequence parameter sets that a frame contains.
 * @param config the avcC or hvcC box, which gives the number of bytes in a length; without it units have start codes.
 */
export function sizesInFrame(codec: Codec, frame: Uint8Array, config?: Uint8Array): Size[] {
  const hasLengths = config !== undefined && !isAnnexB(config);
  // Some writers put units with start codes after such a configuration. No unit is one byte long.
  const hasStartCodes = hasLengths ? isLongStartCode(frame) : isAnnexB(frame);
  if (hasStartCodes) return sizesOfParameterSets(codec, frame);
  if (!hasLengths) return [];
  const lengthBytes = ((config[codec === 'h264' ? 4 : 21] ?? 3) & 3) + 1;
  const units = unitsOfFrame(frame, lengthBytes);
  return units.filter((unit) => typeOf(codec, unit) === sequenceTypes[codec]).map((unit) => sizeOf(codec, unit));
}

/** Returns the units that are complete. */
function unitsOfFrame(frame: Uint8Array, lengthBytes: number): Uint8Array[] {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.length);
  const units: Uint8Array[] = [];
  for (let at = 0; at + lengthBytes <= bytes.length; ) {
    const start = at + lengthBytes;
    at = start + bytes.readUIntBE(at, lengthBytes);
    if (at <= bytes.length) units.push(bytes.subarray(start, at));
  }
  return units;
}

function typeOf(codec: Codec, unit: Uint8Array): number {
  const first = unit[0] ?? 0;
  return codec === 'h264' ? first & 0x1f : (first >> 1) & 0x3f;
}

function sizeOf(codec: Codec, unit: Uint8Array): Size {
  // A 3 after two zeros was inserted so that the bytes do not look like a start code.
  const plain = unit.filter((byte, index) => !(byte === 3 && unit[index - 1] === 0 && unit[index - 2] === 0));
  return codec === 'h264' ? sizeOfAvc(plain) : sizeOfHevc(plain);
}

/** Whether units are separated by start codes; otherwise each is preceded by its length. */
function isAnnexB(bytes: Uint8Array): boolean {
  return bytes[0] === 0 && bytes[1] === 0 && (bytes[2] === 1 || (bytes[2] === 0 && bytes[3] === 1));
}

function isLongStartCode(bytes: Uint8Array): boolean {
  return isAnnexB(bytes) && bytes[2] === 0;
}

function annexBUnits(bytes: Uint8Array): Uint8Array[] {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const starts: number[] = [];
  for (let at = all.indexOf(startCode); at >= 0; at = all.indexOf(startCode, at + 3)) starts.push(at + 3);
  return starts.map((start, index) => all.subarray(start, (starts[index + 1] ?? all.length + 3) - 3));
}

function avcUnits(bytes: Uint8Array): Uint8Array[] {
  return unitsWithLength(bytes, 6, (bytes[5] ?? 0) & 0x1f).units;
}

function hevcUnits(bytes: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  let position = 23;
  for (let array = 0; array < (bytes[22] ?? 0); array += 1) {
    const count = ((bytes[position + 1] ?? 0) << 8) | (bytes[position + 2] ?? 0);
    const { units, end } = unitsWithLength(bytes, position + 3, count);
    found.push(...units);
    position = end;
  }
  return found;
}

function unitsWithLength(bytes: Uint8Array, start: number, count: number): { units: Uint8Array[]; end: number } {
  const units: Uint8Array[] = [];
  let end = start;
  for (let index = 0; index < count && end + 2 <= bytes.length; index += 1) {
    const length = ((bytes[end] ?? 0) << 8) | (bytes[end + 1] ?? 0);
    units.push(bytes.subarray(end + 2, end + 2 + length));
    end += 2 + length;
  }
  return { units, end };
}

/** ITU-T H.264, 7.3.2.1.1. */
function sizeOfAvc(unit: Uint8Array): Size {
  const bits = new BitReader(unit.subarray(1));
  const profile = bits.read(8);
  bits.skip(16);
  bits.golomb();
  const chroma = profilesWithChroma.has(profile) ? avcChroma(bits) : 1;
  bits.golomb();
  const order = bits.golomb();
  if (order === 0) bits.golomb();
  else if (order === 1) {
    bits.skip(1);
    bits.golomb();
    bits.golomb();
    for (let remaining = bits.golomb(); remaining > 0; remaining -= 1) bits.golomb();
  }
  bits.golomb();
  bits.skip(1);
  const width = 16 * (bits.golomb() + 1);
  const rows = bits.golomb() + 1;
  const fields = bits.flag() ? 1 : 2;
  if (fields === 2) bits.skip(1);
  bits.skip(1);
  const height = 16 * rows * fields;
  const [stepX, stepY] = [chroma === 1 || chroma === 2 ? 2 : 1, fields * (chroma === 1 ? 2 : 1)];
  return cropped({ width, height }, bits, stepX, stepY);
}

function avcChroma(bits: BitReader): number {
  const chroma = bits.golomb();
  if (chroma === 3) bits.skip(1);
  bits.golomb();
  bits.golomb();
  bits.skip(1);
  if (bits.flag()) {
    for (let list = 0; list < (chroma === 3 ? 12 : 8); list += 1) {
      if (bits.flag()) skipScalingList(bits, list < 6 ? 16 : 64);
    }
  }
  return chroma;
}

function skipScalingList(bits: BitReader, length: number): void {
  let next = 8;
  for (let index = 0, last = 8; index < length && next !== 0; index += 1) {
    const number = bits.golomb();
    const delta = number % 2 === 1 ? (number + 1) / 2 : -number / 2;
    next = (((last + delta) % 256) + 256) % 256;
    if (next !== 0) last = next;
  }
}

/** ITU-T H.265, 7.3.2.2.1. */
function sizeOfHevc(unit: Uint8Array): Size {
  const bits = new BitReader(unit.subarray(2));
  bits.skip(4);
  const layers = bits.read(3);
  bits.skip(1 + 96);
  const present = Array.from({ length: layers }, () => [bits.flag(), bits.flag()] as const);
  if (layers > 0) bits.skip(2 * (8 - layers));
  for (const [profile, level] of present) bits.skip((profile ? 88 : 0) + (level ? 8 : 0));
  bits.golomb();
  const chroma = bits.golomb();
  if (chroma === 3) bits.skip(1);
  const size = { width: bits.golomb(), height: bits.golomb() };
  return cropped(size, bits, chroma === 1 || chroma === 2 ? 2 : 1, chroma === 1 ? 2 : 1);
}

function cropped({ width, height }: Size, bits: BitReader, stepX: number, stepY: number): Size {
  if (!bits.flag()) return { width, height };
  const [left, right, top, bottom] = [bits.golomb(), bits.golomb(), bits.golomb(), bits.golomb()];
  return { width: width - stepX * (left + right), height: height - stepY * (top + bottom) };
}
