// Unusual layouts of mp4 and mov, made from ordinary files: each function returns an altered copy of a file.

type Box = { type: string; start: number; end: number };

function boxesIn(bytes: Buffer, from: number, to: number): Box[] {
  const boxes: Box[] = [];
  for (let start = from; start + 8 <= to; start = boxes.at(-1)?.end ?? to) {
    const size = bytes.readUInt32BE(start);
    if (size < 8) throw new Error('only boxes with a 32-bit size are altered');
    boxes.push({ type: bytes.toString('latin1', start + 4, start + 8), start, end: start + size });
  }
  return boxes;
}

/** Returns the boxes on this path, the outermost first. */
function pathTo(bytes: Buffer, ...types: string[]): Box[] {
  const path: Box[] = [];
  for (const type of types) {
    const parent = path.at(-1);
    // The fields of a sample description and of a video sample entry come before their boxes.
    const fields = parent === undefined ? 0 : ({ stsd: 16, avc1: 86, avc3: 86, hvc1: 86, hev1: 86 }[parent.type] ?? 8);
    const from = parent === undefined ? 0 : parent.start + fields;
    const found = boxesIn(bytes, from, parent?.end ?? bytes.length).find((box) => box.type === type);
    if (found === undefined) throw new Error(`the file has no ${types.join('/')}`);
    path.push(found);
  }
  return path;
}

const last = <T>(items: T[]): T => {
  const item = items.at(-1);
  if (item === undefined) throw new Error('no item');
  return item;
};

export function makeBox(type: string, content: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(8 + content.length);
  header.write(type, 4, 'latin1');
  return Buffer.concat([header, content]);
}

const free = (length: number, type = 'free') => makeBox(type, Buffer.alloc(length - 8));

/** Replaces [start, end), enlarges the boxes that contain it, and moves the chunk offsets behind it. */
function replace(bytes: Buffer, parents: Box[], [start, end]: [number, number], content: Buffer): Buffer {
  const growth = content.length - (end - start);
  const copy = Buffer.from(bytes);
  for (const parent of parents) copy.writeUInt32BE(parent.end - parent.start + growth, parent.start);
  const moov = last(pathTo(copy, 'moov'));
  for (let at = copy.indexOf('stco', moov.start); at >= 0; at = copy.indexOf('stco', at + 4)) {
    for (let remaining = copy.readUInt32BE(at + 8), entry = at + 12; remaining > 0; remaining -= 1, entry += 4) {
      const offset = copy.readUInt32BE(entry);
      if (offset >= end) copy.writeUInt32BE(offset + growth, entry);
    }
  }
  return Buffer.concat([copy.subarray(0, start), content, copy.subarray(end)]);
}

const tablePath = ['moov', 'trak', 'mdia', 'minf', 'stbl'];

/** Replaces a table of the first track. */
function replaceTable(bytes: Buffer, type: string, contentOf: (box: Box) => number[]): Buffer {
  const box = last(pathTo(bytes, ...tablePath, type));
  const fields = contentOf(box);
  const content = Buffer.alloc(4 + 4 * fields.length);
  for (const [index, field] of fields.entries()) content.writeUInt32BE(field, 4 + 4 * index);
  return replace(bytes, pathTo(bytes, ...tablePath), [box.start, box.end], makeBox(type, content));
}

/** Tables of a recording of `samples` frames: the first one, repeated. */
export const withSamples = (samples: number) => (bytes: Buffer) => {
  const repeated = (value: number) => new Array<number>(samples).fill(value);
  const delta = (box: Box) => all.readUInt32BE(box.start + 20);
  let all = bytes;
  all = replaceTable(all, 'stts', (box) => [1, samples, delta(box)]);
  all = replaceTable(all, 'stsz', (box) => [0, samples, ...repeated(all.readUInt32BE(box.start + 20))]);
  all = replaceTable(all, 'stsc', () => [1, 1, 1, 1]);
  return replaceTable(all, 'stco', ({ start, end }) => {
    const first = all.readUInt32BE(start + 16);
    const growth = 16 + 4 * samples - (end - start);
    return [samples, ...repeated(first >= end ? first + growth : first)];
  });
};

/** User data of `length` bytes, first in the box at the end of this path. */
export const withUserData =
  (length: number, ...path: string[]) =>
  (bytes: Buffer) => {
    const parents = pathTo(bytes, ...path);
    const [first] = boxesIn(bytes, last(parents).start + 8, last(parents).end);
    const at = first?.end ?? 0;
    return replace(bytes, parents, [at, at], makeBox('udta', free(length, 'note')));
  };

/** Without the user data at the end of moov, the chunk table is last. */
export const withoutUserData = (bytes: Buffer) => {
  const [moov, udta] = pathTo(bytes, 'moov', 'udta');
  if (moov === undefined || udta === undefined) throw new Error('the file has no user data');
  return replace(bytes, [moov], [udta.start, udta.end], Buffer.alloc(0));
};

/** `count` boxes of `length` bytes before moov. */
export const withBoxes =
  (count: number, length: number, type = 'free') =>
  (bytes: Buffer) => {
    const { start } = last(pathTo(bytes, 'moov'));
    const boxes = Buffer.concat(Array.from({ length: count }, () => free(length, type)));
    return replace(bytes, [], [start, start], boxes);
  };

/** `count` boxes of `length` bytes after ftyp. */
export const withBoxesFirst =
  (count: number, length: number, type = 'free') =>
  (bytes: Buffer) => {
    const { end } = last(pathTo(bytes, 'ftyp'));
    return replace(bytes, [], [end, end], Buffer.concat(Array.from({ length: count }, () => free(length, type))));
  };

/** Of the recording there is only `length` bytes. */
export const cutTo = (length: number) => (bytes: Buffer) => Buffer.from(bytes.subarray(0, length));

/** A sidx box with `entries` entries after moov. */
export const withIndex = (entries: number) => (bytes: Buffer) => {
  const { end } = last(pathTo(bytes, 'moov'));
  const content = Buffer.alloc(24 + 12 * entries);
  content.writeUInt32BE(1, 4);
  content.writeUInt32BE(1000, 8);
  content.writeUInt16BE(entries, 22);
  return Buffer.concat([bytes.subarray(0, end), makeBox('sidx', content), bytes.subarray(end)]);
};

/** An avcC box without parameter sets; a free box takes their place. */
export const withoutParameterSets = (entry: 'avc1' | 'avc3') => (bytes: Buffer) => {
  const copy = Buffer.from(bytes);
  const { start, end } = last(pathTo(copy, ...tablePath, 'stsd', entry, 'avcC'));
  const rest = end - start - 15;
  copy.writeUInt32BE(15, start);
  copy.set([0xe0, 0], start + 13);
  copy.set(free(rest), start + 15);
  return copy;
};

/** The decoder configuration of another file. */
export const withConfigOf = (entry: string, config: string) => (bytes: Buffer, other: Buffer) => {
  const path = [...tablePath, 'stsd', entry, config];
  const box = last(pathTo(bytes, ...path));
  const otherBox = last(pathTo(other, ...path));
  const content = Buffer.from(other.subarray(otherBox.start, otherBox.end));
  const resized = replace(bytes, pathTo(bytes, ...path.slice(0, -1)), [box.start, box.end], content);
  // Width and height of the sample entry.
  const from = last(pathTo(other, ...path.slice(0, -1))).start + 32;
  const to = last(pathTo(resized, ...path.slice(0, -1))).start + 32;
  resized.set(other.subarray(from, from + 4), to);
  return resized;
};

/** Width and height of the sample entry. */
export const withEntrySize = (entry: string, width: number, height: number) => (bytes: Buffer) => {
  const copy = Buffer.from(bytes);
  const { start } = last(pathTo(copy, ...tablePath, 'stsd', entry));
  copy.writeUInt16BE(width, start + 32);
  copy.writeUInt16BE(height, start + 34);
  return copy;
};
