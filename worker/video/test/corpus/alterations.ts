// Layouts that ffmpeg does not write, made from those that it does: each function returns an altered copy of a file.

type Bytes = Buffer;

/** Returns the offsets of the first top-level box of this type and of its end. */
function boxAt(bytes: Bytes, type: string): { start: number; end: number } {
  for (let start = 0; start + 8 <= bytes.length; start += bytes.readUInt32BE(start)) {
    if (bytes.toString('latin1', start + 4, start + 8) === type)
      return { start, end: start + bytes.readUInt32BE(start) };
    if (bytes.readUInt32BE(start) < 8) break;
  }
  throw new Error(`the file has no ${type} box`);
}

function box(type: string, length: number): Bytes {
  const bytes = Buffer.alloc(length);
  bytes.writeUInt32BE(length);
  bytes.write(type, 4, 'latin1');
  return bytes;
}

/** Adds `by` to every chunk offset in moov. */
function moveChunks(moov: Bytes, by: number): void {
  for (let at = moov.indexOf('stco'); at >= 0; at = moov.indexOf('stco', at + 4)) {
    for (let remaining = moov.readUInt32BE(at + 8), entry = at + 12; remaining > 0; remaining -= 1, entry += 4) {
      moov.writeUInt32BE(moov.readUInt32BE(entry) + by, entry);
    }
  }
}

const altered = (change: (bytes: Bytes) => void) => (bytes: Bytes) => {
  const copy = Buffer.from(bytes);
  change(copy);
  return copy;
};

/** a, b, u, c, d, v, x, y of matrices that rotate clockwise. */
const matrices: Record<number, number[]> = {
  0: [1, 0, 0, 0, 1, 0, 0, 0],
  90: [0, 1, 0, -1, 0, 0, 100, 0],
  180: [-1, 0, 0, 0, -1, 0, 100, 100],
  270: [0, -1, 0, 1, 0, 0, 0, 100],
};

function setMatrix(bytes: Bytes, matrix: number[]): void {
  const at = bytes.indexOf('tkhd') + 4 + 40;
  for (const [index, value] of matrix.entries()) bytes.writeInt32BE(Math.round(value * 0x10000), at + 4 * index);
}

export const rotatedBy = (degrees: number) => altered((bytes) => setMatrix(bytes, matrices[degrees] ?? []));

/** Rotated by 10 degrees. */
export const tilted = altered((bytes) => setMatrix(bytes, [0.985, 0.174, 0, -0.174, 0.985, 0, 0, 0]));

export const mirrored = altered((bytes) => setMatrix(bytes, [-1, 0, 0, 0, 1, 0, 100, 0]));

/** mdat with a 64-bit size, which replaces the 8-byte free box before it. */
export const withLongSizes = altered((bytes) => {
  const { start, end } = boxAt(bytes, 'mdat');
  bytes.writeUInt32BE(1, start - 8);
  bytes.write('mdat', start - 4);
  bytes.writeBigUInt64BE(BigInt(end - start + 8), start);
});

/** mdat is last and extends to the end of the file. */
export const withOpenMdat = altered((bytes) => bytes.writeUInt32BE(0, boxAt(bytes, 'mdat').start));

/** moov is last and extends to the end of the file. */
export const withOpenMoov = altered((bytes) => bytes.writeUInt32BE(0, boxAt(bytes, 'moov').start));

/** moov of over 1 MB, most of it before its tracks. */
export function withLargeMoov(bytes: Bytes): Bytes {
  const { start, end } = boxAt(bytes, 'moov');
  const length = 1_200_000;
  const header = boxAt(bytes.subarray(start + 8, end), 'mvhd').end + 8;
  const old = bytes.subarray(start, end);
  const moov = Buffer.concat([old.subarray(0, header), box('free', length), old.subarray(header)]);
  moov.writeUInt32BE(moov.length);
  if (boxAt(bytes, 'mdat').start > start) moveChunks(moov, length);
  return Buffer.concat([bytes.subarray(0, start), moov, bytes.subarray(end)]);
}

/** The second track refers to the first as its chapter track. */
export function withChaptersFirst(bytes: Bytes): Bytes {
  const { start, end } = boxAt(bytes, 'moov');
  const second = bytes.indexOf('trak', bytes.indexOf('trak') + 4) - 4;
  const tref = Buffer.concat([box('tref', 8), box('chap', 12)]);
  tref.writeUInt32BE(tref.length);
  tref.writeUInt32BE(1, 16);
  const header = second + 8 + bytes.readUInt32BE(second + 8);
  const all = Buffer.concat([bytes.subarray(0, header), tref, bytes.subarray(header)]);
  all.writeUInt32BE(all.readUInt32BE(second) + tref.length, second);
  all.writeUInt32BE(end - start + tref.length, start);
  return all;
}

/** A container that states a size other than the codec's: replaces these bytes, the size, wherever they occur. */
export const withContainerSize = (from: string, to: string) =>
  altered((bytes) => {
    for (let at = bytes.indexOf(from, 0, 'hex'); at >= 0; at = bytes.indexOf(from, at + 1, 'hex')) {
      bytes.write(to, at, 'hex');
    }
  });

/** 100 kB of zeros between the header of mdat, which is followed by moov only, and its first frame. */
export function withFarFrames(bytes: Bytes): Bytes {
  const [mdat, moov] = [boxAt(bytes, 'mdat').start + 8, boxAt(bytes, 'moov').start];
  const all = Buffer.concat([bytes.subarray(0, mdat), Buffer.alloc(100_000), bytes.subarray(mdat)]);
  all.writeUInt32BE(all.readUInt32BE(mdat - 8) + 100_000, mdat - 8);
  moveChunks(all.subarray(moov + 100_000), 100_000);
  return all;
}

/** The handler of the first track comes after minf. */
export const withHandlerLast = altered((bytes) => {
  const handler = bytes.indexOf('hdlr') - 4;
  const after = handler + bytes.readUInt32BE(handler);
  const minf = bytes.subarray(after, after + bytes.readUInt32BE(after));
  bytes.set(Buffer.concat([minf, bytes.subarray(handler, after)]), handler);
});

export const withoutTrackHeader = altered((bytes) => bytes.write('free', bytes.indexOf('tkhd')));

/** A uuid box of 300 bytes before ftyp. */
export function withUuidFirst(bytes: Bytes): Bytes {
  const all = Buffer.concat([box('uuid', 300), bytes]);
  moveChunks(all.subarray(all.lastIndexOf('moov')), 300);
  return all;
}

export const withFirstTrackDisabled = altered((bytes) => bytes.writeUInt8(2, bytes.indexOf('tkhd') + 7));

/** QuickTime before 2001 has no ftyp. */
export function withoutBrand(bytes: Bytes): Bytes {
  const { end } = boxAt(bytes, 'ftyp');
  const rest = Buffer.from(bytes.subarray(end));
  moveChunks(rest.subarray(boxAt(rest, 'moov').start), -end);
  return rest;
}

/** Inserts an element before Info and enlarges the Segment. */
function beforeInfo(bytes: Bytes, element: Bytes): Bytes {
  const copy = Buffer.from(bytes);
  const segment = copy.indexOf('18538067', 0, 'hex') + 4;
  const info = copy.indexOf('1549a966', segment + 64, 'hex');
  // The size has 8 bytes, of which the last six suffice.
  copy.writeUIntBE(copy.readUIntBE(segment + 2, 6) + element.length, segment + 2, 6);
  return Buffer.concat([copy.subarray(0, info), element, copy.subarray(info)]);
}

function element(id: string, content: Bytes): Bytes {
  const size = Buffer.alloc(4);
  size.writeUInt32BE(0x10000000 + content.length);
  return Buffer.concat([Buffer.from(id, 'hex'), size, content]);
}

export const withVoid = (bytes: Bytes) => beforeInfo(bytes, element('ec', Buffer.alloc(500_000)));

/** The length of DocType takes eight bytes. */
export function withLongDocType(bytes: Bytes): Bytes {
  const at = bytes.indexOf('428288', 0, 'hex') + 2;
  const all = Buffer.concat([bytes.subarray(0, at), Buffer.from('0100000000000008', 'hex'), bytes.subarray(at + 1)]);
  all.writeUInt8(all.readUInt8(4) + 7, 4);
  return all;
}

/** Replaces FlagLacing, which is 0, by FlagEnabled. */
export const withFirstEntryDisabled = altered((bytes) =>
  bytes.write('b98100', bytes.indexOf('9c8100', 0, 'hex'), 'hex'),
);

/** An attachment of 100 kB. */
export function withAttachment(bytes: Bytes): Bytes {
  const file = Buffer.concat([
    element('466e', Buffer.from('cover.bin')),
    element('4660', Buffer.from('application/octet-stream')),
    element('465c', Buffer.alloc(100_000, 7)),
    element('46ae', Buffer.from([1])),
  ]);
  return beforeInfo(bytes, element('1941a469', element('61a7', file)));
}

/** Inserts a chunk before the header list of an AVI. */
function beforeHeader(bytes: Bytes, chunk: Bytes): Bytes {
  const all = Buffer.concat([bytes.subarray(0, 12), chunk, bytes.subarray(12)]);
  all.writeUInt32LE(all.length - 8, 4);
  return all;
}

function chunk(type: string, content: Bytes): Bytes {
  const header = Buffer.alloc(8);
  header.write(type, 'latin1');
  header.writeUInt32LE(content.length, 4);
  return Buffer.concat([header, content]);
}

export const withJunkFirst = (bytes: Bytes) => beforeHeader(bytes, chunk('JUNK', Buffer.alloc(200_000)));

export const withListFirst = (bytes: Bytes) =>
  beforeHeader(bytes, chunk('LIST', Buffer.concat([Buffer.from('INFO'), chunk('ISFT', Buffer.from('a recorder'))])));

/** Replaces the frames and removes the index, whose offsets would be wrong. */
function withFrames(bytes: Bytes, change: (frames: Bytes) => Bytes): Bytes {
  const at = bytes.indexOf('movi');
  const end = at - 4 + 4 + bytes.readUInt32LE(at - 4);
  const list = chunk('LIST', Buffer.concat([Buffer.from('movi'), change(bytes.subarray(at + 4, end))]));
  const all = Buffer.concat([bytes.subarray(0, at - 8), list]);
  all.writeUInt32LE(all.length - 8, 4);
  return all;
}

/** Two empty frames come first. */
export const withEmptyFrames = (bytes: Bytes) =>
  withFrames(bytes, (frames) =>
    Buffer.concat([chunk('00dc', Buffer.alloc(0)), chunk('00dc', Buffer.alloc(0)), frames]),
  );

/** All frames are in one record list. */
export const withRecordList = (bytes: Bytes) =>
  withFrames(bytes, (frames) => chunk('LIST', Buffer.concat([Buffer.from('rec '), frames])));

/** An interrupted recorder has written no lengths and no index. */
export function withoutLengths(bytes: Bytes): Bytes {
  const at = bytes.indexOf('movi');
  const copy = Buffer.from(bytes.subarray(0, bytes.lastIndexOf('idx1')));
  copy.writeUInt32LE(0, 4);
  copy.writeUInt32LE(0, at - 4);
  return copy;
}
