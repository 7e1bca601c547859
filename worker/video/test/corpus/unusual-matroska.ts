// Unusual layouts of mkv and webm, made from ordinary files: each function returns an altered copy of a file.

type Element = { id: string; content: Buffer };

const masters = new Set(['18538067', '1654ae6b', 'ae', 'e0']);
const ids = {
  segment: '18538067',
  seekHead: '114d9b74',
  info: '1549a966',
  tracks: '1654ae6b',
  trackEntry: 'ae',
  cluster: '1f43b675',
  video: 'e0',
  codecPrivate: '63a2',
};

function parse(bytes: Buffer): Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const idLength = Math.clz32(bytes[at] ?? 0) - 23;
    const id = bytes.toString('hex', at, at + idLength);
    const sizeLength = Math.clz32(bytes[at + idLength] ?? 0) - 23;
    let size = (bytes[at + idLength] ?? 0) & (0xff >> sizeLength);
    for (let index = 1; index < sizeLength; index += 1) size = size * 256 + (bytes[at + idLength + index] ?? 0);
    const start = at + idLength + sizeLength;
    // A live recording has open elements.
    const end = size === 2 ** (7 * sizeLength) - 1 ? bytes.length : start + size;
    elements.push({ id, content: bytes.subarray(start, end) });
    at = end;
  }
  return elements;
}

export function element(id: string, content: Buffer): Buffer {
  const size = Buffer.alloc(8);
  size.writeUIntBE(content.length, 2, 6);
  size[0] = 1;
  return Buffer.concat([Buffer.from(id, 'hex'), size, content]);
}

const print = (elements: Element[]) => Buffer.concat(elements.map(({ id, content }) => element(id, content)));

/** Replaces the elements in the Segment. */
function withSegment(bytes: Buffer, change: (elements: Element[]) => Element[]): Buffer {
  return print(
    parse(bytes).map(({ id, content }) =>
      // SeekHead, Void and Cues contain positions that are wrong now.
      id === ids.segment
        ? {
            id,
            content: print(
              change(parse(content).filter((each) => !['ec', ids.seekHead, '1c53bb6b'].includes(each.id))),
            ),
          }
        : { id, content },
    ),
  );
}

/** Changes the elements with this id, wherever they are in Tracks. */
function withEach(bytes: Buffer, id: string, change: (content: Buffer) => Buffer): Buffer {
  return print(
    parse(bytes).map((each) => {
      if (each.id === id) return { id, content: change(each.content) };
      return masters.has(each.id) ? { id: each.id, content: withEach(each.content, id, change) } : each;
    }),
  );
}

const number = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

const float = (value: number) => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return bytes;
};

/** A projection of this type (0 rectangular, 1 equirectangular, 2 cube map) with this roll, in degrees. */
export const withProjection = (type: number, roll: number) => (bytes: Buffer) =>
  withEach(bytes, ids.video, (content) =>
    Buffer.concat([
      content,
      element('7670', Buffer.concat([element('7671', Buffer.from([type])), element('7675', float(roll))])),
    ]),
  );

const isTracks = ({ id }: Element) => id === ids.tracks;
const isHeader = ({ id }: Element) => id === ids.info || id === ids.tracks;

/** Tracks, and with `all` also Info, after the clusters, where SeekHead says so. */
export const withTracksLast =
  (all: boolean, gap = 0) =>
  (bytes: Buffer) =>
    withSegment(bytes, (elements) => {
      const isMoved = all ? isHeader : isTracks;
      const moved = elements.filter(isMoved);
      const rest = elements.filter((each) => !isMoved(each));
      if (gap > 0) rest.push({ id: 'ec', content: Buffer.alloc(gap) });
      const seekHead = (positions: number[]) =>
        print(
          moved.map(({ id }, index) => ({
            id: '4dbb',
            content: Buffer.concat([
              element('53ab', Buffer.from(id, 'hex')),
              element('53ac', number(positions[index] ?? 0)),
            ]),
          })),
        );
      const firstPosition = 12 + seekHead([]).length + print(rest).length;
      const positions = moved.map((_, index) => firstPosition + print(moved.slice(0, index)).length);
      return [{ id: ids.seekHead, content: seekHead(positions) }, ...rest, ...moved];
    });

/** A subtitle track with a CodecPrivate of `length` bytes, before or after the other tracks. */
export const withSubtitles =
  (length: number, position: 'before' | 'after', count = 1) =>
  (bytes: Buffer) =>
    withSegment(bytes, (elements) =>
      elements.map((each) => {
        if (!isTracks(each)) return each;
        const subtitles = Array.from({ length: count }, (_, index) =>
          element(
            ids.trackEntry,
            Buffer.concat([
              element('d7', Buffer.from([100 + index])),
              element('73c5', Buffer.from([100 + index])),
              element('83', Buffer.from([17])),
              element('86', Buffer.from('S_TEXT/ASS')),
              element(ids.codecPrivate, Buffer.alloc(length, '[Script Info]\n')),
            ]),
          ),
        );
        const content = position === 'before' ? [...subtitles, each.content] : [each.content, ...subtitles];
        return { id: each.id, content: Buffer.concat(content) };
      }),
    );

/** `count` blocks of a track of sound come before the first frame, in `clusters` clusters. */
export const withSoundFirst = (count: number, length: number, clusters: number) => (bytes: Buffer) =>
  withSegment(bytes, (elements) => {
    const sound = element('a3', Buffer.concat([Buffer.from([0x82, 0, 0, 0x80]), Buffer.alloc(length, 0x55)]));
    const content = Buffer.concat([element('e7', Buffer.from([0])), ...Array.from({ length: count }, () => sound)]);
    const first = elements.findIndex(({ id }) => id === ids.cluster);
    const added = Array.from({ length: clusters }, () => ({ id: ids.cluster, content }));
    return [...elements.slice(0, first), ...added, ...elements.slice(first)];
  });

/** The CodecPrivate and the size of another file with one track. */
export const withPrivateOf = () => (bytes: Buffer, other: Buffer) => {
  const found = new Map<string, Buffer>();
  for (const id of [ids.codecPrivate, ids.video]) {
    withEach(other, id, (content) => {
      found.set(id, content);
      return content;
    });
  }
  return [...found].reduce((result, [id, content]) => withEach(result, id, () => content), bytes);
};
