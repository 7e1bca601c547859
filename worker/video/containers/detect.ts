import type { Container } from '../types.ts';

const topLevelBoxes = new Set(['moov', 'mdat', 'wide', 'free', 'skip', 'pnot', 'uuid', 'moof', 'styp', 'sidx']);

/** First bytes of common files that are none of the five containers. */
const signatures: readonly [string, string][] = [
  ['\0\0\x01\xba', 'an MPEG program stream'],
  ['FLV\x01', 'a Flash video'],
  ['\x30\x26\xb2\x75', 'a Windows Media video'],
  ['OggS', 'an Ogg file'],
  ['RIFF', 'a RIFF file other than AVI'],
  ['\x89PNG', 'an image'],
  ['\xff\xd8\xff', 'an image'],
  ['GIF8', 'an image'],
];
const textSignatures: readonly [RegExp, string][] = [
  [/^\s*<(!doctype html|html|head|body)/i, 'an HTML page'],
  [/^\s*<\?xml/i, 'an XML document'],
  [/^\s*#EXTM3U/, 'an HLS playlist'],
  [/^\s*ffconcat version/, 'an ffmpeg concat script'],
  [/^/, 'text'],
];

/** Returns the container according to the first bytes of a file, never its name; undefined if it is none of the five. */
export function detectContainer(head: Uint8Array): Container | undefined {
  const text = latin1(head.subarray(0, 12));
  if (text.startsWith('RIFF') && text.endsWith('AVI ')) return 'avi';
  if (text.startsWith('\x1a\x45\xdf\xa3'))
    return /\x42\x82.{1,8}webm/s.test(latin1(head.subarray(4, 512))) ? 'webm' : 'mkv';
  return detectByBoxes(head);
}

/** Describes a file whose first bytes belong to no supported container. */
export function describeUnknown(head: Uint8Array): string {
  if (head.length === 0) return 'the file is empty';
  const start = head.subarray(0, 1024);
  if (start.every((byte) => byte === 0)) return 'the file begins with zero bytes only, so it is not a video';
  const kind = kindOf(start);
  return kind === undefined ? 'the file is not a supported video' : `the file looks like ${kind}, not like a video`;
}

function kindOf(start: Uint8Array): string | undefined {
  // Each packet of 188 bytes begins with this byte.
  if (start[0] === 0x47 && start[188] === 0x47) return 'an MPEG transport stream';
  const text = latin1(start).replace(/^\xef\xbb\xbf/, '');
  const kind = signatures.find(([signature]) => text.startsWith(signature))?.[1];
  if (kind !== undefined || start.some((byte) => byte < 9)) return kind;
  return textSignatures.find(([pattern]) => pattern.test(text))?.[1];
}

/** The brand in `ftyp` decides, wherever that box is among the first ones; files without it are QuickTime before 2001. */
function detectByBoxes(head: Uint8Array): Container | undefined {
  let found: Container | undefined;
  for (let position = 0; position + 12 <= head.length; ) {
    const size = new DataView(head.buffer, head.byteOffset + position).getUint32(0);
    const type = latin1(head.subarray(position + 4, position + 8));
    if (type === 'ftyp') return latin1(head.subarray(position + 8, position + 12)) === 'qt  ' ? 'mov' : 'mp4';
    if (topLevelBoxes.has(type)) found ??= ['moof', 'styp', 'sidx'].includes(type) ? 'mp4' : 'mov';
    else if (!/^[\w ]{4}$/.test(type)) return found;
    if (size < 8) return found;
    position += size;
  }
  return found;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
