import { fixture } from './open-house.ts';

/** `length` bytes that a parser of boxes skips. */
function free(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  bytes.writeUInt32BE(length);
  bytes.write('free', 4);
  return bytes;
}

/** A file with its mdat right behind ftyp, then `length` bytes nobody reads, then moov. */
export function stretched(name: string, length: number): Buffer {
  const bytes = fixture(name);
  const moov = bytes.lastIndexOf('moov') - 4;
  return Buffer.concat([bytes.subarray(0, moov), free(length), bytes.subarray(moov)]);
}

/** A file with moov before mdat, moov grown by `length` bytes nobody reads. */
export function withLargeMoov(name: string, length: number): Buffer {
  const bytes = fixture(name);
  const [ftyp, moov] = [bytes.readUInt32BE(0), bytes.lastIndexOf('moov') - 4];
  const large = Buffer.concat([bytes.subarray(moov), free(length)]);
  large.writeUInt32BE(large.length);
  const chunks = large.indexOf('stco') + 8;
  for (let index = 1; index <= large.readUInt32BE(chunks); index += 1) {
    const at = chunks + 4 * index;
    large.writeUInt32BE(large.readUInt32BE(at) + large.length, at);
  }
  return Buffer.concat([bytes.subarray(0, ftyp), large, bytes.subarray(ftyp, moov)]);
}

/** The AVI with `length` bytes of JUNK before its header list. */
export function junked(name: string, length: number): Buffer {
  const bytes = fixture(name);
  const junk = Buffer.alloc(length);
  junk.write('JUNK');
  junk.writeUInt32LE(length - 8, 4);
  const all = Buffer.concat([bytes.subarray(0, 12), junk, bytes.subarray(12)]);
  all.writeUInt32LE(all.length - 8, 4);
  return all;
}
