import type { StreamFormat } from '../types.ts';

/** What each format is called in failures. */
export const streamNames: Record<StreamFormat, string> = {
  mpegps: 'an MPEG program stream',
  mpegts: 'an MPEG transport stream',
  flv: 'a Flash video',
  asf: 'a Windows Media video',
  h264: 'raw H.264',
};

const packHeader = Buffer.from([0, 0, 1, 0xba]);
const startCode = Buffer.from([0, 0, 1]);
const asfHeader = Buffer.from('3026b2758e66cf11', 'hex');
const syncByte = 0x47;
/** H.264 units that may come before the sequence parameter set, which is 7: supplemental information, a delimiter. */
const unitsBefore = new Set([6, 9]);
const sequenceParameters = 7;
/** A recorder's own header takes 40 bytes. */
const maxRecorderHeader = 1024;

/**
 * Returns the format of a file that is none of the five containers, according to its first bytes; undefined if it is not
 * one of these either.
 */
export function detectStream(head: Uint8Array): StreamFormat | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.length);
  if (isProgramStream(bytes)) return 'mpegps';
  if (isTransportStream(bytes)) return 'mpegts';
  if (bytes.toString('latin1', 0, 4) === 'FLV\x01') return 'flv';
  if (bytes.subarray(0, asfHeader.length).equals(asfHeader)) return 'asf';
  return isRawH264(bytes) ? 'h264' : undefined;
}

/** Hikvision's recorders write a header that begins with IMKH before the first pack. */
function isProgramStream(bytes: Buffer): boolean {
  const first = bytes.subarray(0, maxRecorderHeader).indexOf(packHeader);
  return first === 0 || (first > 0 && bytes.toString('latin1', 0, 4) === 'IMKH');
}

/** Packets of 188 bytes; or of 192, each with a time stamp of 4 bytes first. */
function isTransportStream(bytes: Buffer): boolean {
  return [
    [188, 0],
    [192, 4],
  ].some(([length = 0, first = 0]) => [0, 1].every((packet) => bytes[first + packet * length] === syncByte));
}

function isRawH264(bytes: Buffer): boolean {
  const first = bytes.indexOf(startCode);
  const begins = first === 0 || (first === 1 && bytes[0] === 0);
  for (let at = begins ? first : -1; at >= 0; at = bytes.indexOf(startCode, at + 3)) {
    const unit = bytes[at + 3] ?? 0xff;
    const type = unit & 0x1f;
    if (unit < 0x80 && type === sequenceParameters) return true;
    if (unit >= 0x80 || !unitsBefore.has(type)) return false;
  }
  return false;
}
