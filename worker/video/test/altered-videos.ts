import { fixture } from './test-videos.ts';

/** A box of `length` bytes that parsers skip. */
function free(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  bytes.writeUInt32BE(length);
  bytes.write('free', 4);
  return bytes;
}

/** A file with mdat after ftyp, then unused boxes of these lengths, then moov. */
export function stretched(name: string, ...lengths: number[]): Buffer {
  const bytes = fixture(name);
  const moov = bytes.lastIndexOf('moov') - 4;
  return Buffer.concat([bytes.subarray(0, moov), ...lengths.map(free), bytes.subarray(moov)]);
}

/** A file with moov before mdat, moov enlarged by an unused box of `length` bytes. */
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
export function withJunk(name: string, length: number): Buffer {
  const bytes = fixture(name);
  const junk = Buffer.alloc(length);
  junk.write('JUNK');
  junk.writeUInt32LE(length - 8, 4);
  const all = Buffer.concat([bytes.subarray(0, 12), junk, bytes.subarray(12)]);
  all.writeUInt32LE(all.length - 8, 4);
  return all;
}

/** The first 64 KiB of an AVI with 100 s of frames, whose RIFF chunk and list of frames state these lengths. */
export function headOfLongAvi(riffLength: number, framesLength: number): Buffer {
  const bytes = fixture('h264.avi');
  const [frames, index] = [bytes.indexOf('movi') + 4, bytes.lastIndexOf('idx1')];
  bytes.writeUInt32LE(riffLength, 4);
  bytes.writeUInt32LE(framesLength, frames - 8);
  // Five frames per second; their number is the ninth field of the stream's header.
  bytes.writeUInt32LE(500, bytes.indexOf('strh') + 8 + 32);
  // Repeated frames fill the rest, as those of a long video do.
  const head = Buffer.alloc(64 * 1024);
  head.fill(bytes.subarray(frames, index), frames);
  bytes.copy(head, 0, 0, frames);
  return head;
}

/** The Matroska file with a Void element of `length` bytes between SeekHead and Info. */
export function withVoid(name: string, length: number): Buffer {
  const bytes = fixture(name);
  const segment = bytes.indexOf('18538067', 0, 'hex') + 4;
  const info = bytes.indexOf('1549a966', segment + 64, 'hex');
  const gap = Buffer.alloc(length);
  gap.writeUInt8(0xec);
  gap.writeUInt32BE(0x10000000 + length - 5, 1);
  bytes.writeUInt32BE(bytes.readUInt32BE(segment + 4) + length, segment + 4);
  return Buffer.concat([bytes.subarray(0, info), gap, bytes.subarray(info)]);
}

/** The moov box of a long video: after the description of its only track comes a table of 8 bytes per sample. */
export function moovWithLongTable(name: string, samples: number): Buffer {
  const bytes = fixture(name);
  const moov = bytes.subarray(bytes.lastIndexOf('moov') - 4);
  const table = Buffer.alloc(16 + 8 * samples);
  table.writeUInt32BE(table.length);
  table.write('stts', 4);
  table.writeUInt32BE(samples, 12);
  for (let at = 16; at + 8 <= table.length; at += 8) table.writeBigUInt64BE(0x1_0000_0001n, at);
  const after = moov.indexOf('stsd') - 4;
  const insertAt = after + moov.readUInt32BE(after);
  const all = Buffer.concat([moov.subarray(0, insertAt), table, moov.subarray(insertAt)]);
  for (const type of ['moov', 'trak', 'mdia', 'minf', 'stbl']) {
    const at = all.indexOf(type) - 4;
    all.writeUInt32BE(all.readUInt32BE(at) + table.length, at);
  }
  return all;
}

/** An mp4 with moov at its end, whose data reference says that its frames are in another file or on another host. */
export function withDataReference(name: string, url: string): Buffer {
  const bytes = fixture(name);
  const entry = bytes.lastIndexOf('url \0\0\0\x01', undefined, 'latin1') - 4;
  const grown = Buffer.concat([bytes.subarray(0, entry + 12), Buffer.from(`${url}\0`), bytes.subarray(entry + 12)]);
  const growth = grown.length - bytes.length;
  grown.writeUInt32BE(0, entry + 8);
  for (const box of ['url ', 'dref', 'dinf', 'minf', 'mdia', 'trak', 'moov']) {
    const start = grown.lastIndexOf(box, entry + 4) - 4;
    grown.writeUInt32BE(grown.readUInt32BE(start) + growth, start);
  }
  return grown;
}
