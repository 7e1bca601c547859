// Unusual layouts of AVI, made from ordinary files: each function returns an altered copy of a file.

function chunk(type: string, content: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.write(type, 'latin1');
  header.writeUInt32LE(content.length, 4);
  return Buffer.concat([header, content, Buffer.alloc(content.length % 2)]);
}

/** `count` chunks of sound of `length` bytes before the first frame. The index is removed, its offsets would be wrong. */
export const withSoundFirst =
  (count: number, length: number, type = '01wb') =>
  (bytes: Buffer) => {
    const at = bytes.indexOf('movi');
    const end = at + bytes.readUInt32LE(at - 4);
    const sound = chunk(type, Buffer.alloc(length, 0x55));
    const chunks = Array.from({ length: count }, () => sound);
    const list = chunk('LIST', Buffer.concat([Buffer.from('movi'), ...chunks, bytes.subarray(at + 4, end)]));
    const all = Buffer.concat([bytes.subarray(0, at - 8), list]);
    all.writeUInt32LE(all.length - 8, 4);
    return all;
  };

/** The size in the header of the first video stream. */
export const withHeaderSize = (width: number, height: number) => (bytes: Buffer) => {
  const copy = Buffer.from(bytes);
  const video = copy.indexOf('strf', copy.indexOf('vids')) + 8;
  copy.writeInt32LE(width, video + 4);
  copy.writeInt32LE(height, video + 8);
  return copy;
};

/** The file with each of these alterations, in this order. */
export const all =
  (...alterations: ((bytes: Buffer) => Buffer)[]) =>
  (bytes: Buffer) =>
    alterations.reduce((result, alter) => alter(result), bytes);
