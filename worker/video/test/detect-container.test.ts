import { describe, expect, it } from 'vitest';
import { describeUnknown, detectContainer } from '../containers/detect.ts';
import { fixture } from './test-videos.ts';

const box = (size: number, type: string, content = '') => {
  const bytes = Buffer.alloc(Math.max(size, 8 + content.length));
  bytes.writeUInt32BE(size);
  bytes.write(type + content, 4, 'latin1');
  return bytes;
};

describe('the container', () => {
  it.each([
    ['mpeg4.avi', 'avi'],
    ['h264.mp4', 'mp4'],
    ['moov-at-end.mov', 'mov'],
    ['h264.mkv', 'mkv'],
    ['vp9.webm', 'webm'],
    ['html.mp4', undefined],
    ['playlist.mp4', undefined],
    ['concat.mp4', undefined],
    ['mpeg-ps.mp4', undefined],
    ['empty.mp4', undefined],
  ])('of %s is %s', (name, container) => {
    expect(detectContainer(fixture(name))).toBe(container);
  });

  it.each([
    ['a brand after other boxes', [box(16, 'free'), box(8, 'wide'), box(24, 'ftyp', 'isom')], 'mp4'],
    ['a QuickTime brand after other boxes', [box(16, 'skip'), box(24, 'ftyp', 'qt  ')], 'mov'],
    ['QuickTime without a brand', [box(8, 'wide'), box(4096, 'mdat')], 'mov'],
    ['QuickTime that begins with moov', [box(200, 'moov')], 'mov'],
    ['a fragment', [box(24, 'styp', 'msdh'), box(40, 'moof')], 'mp4'],
    ['mdat without a size', [box(0, 'mdat', 'ftypisom')], 'mov'],
    ['a WAVE file', [Buffer.from('RIFF\x10\0\0\0WAVEfmt ')], undefined],
    [
      'WebM whose DocType has an 8-byte length',
      [Buffer.from('1a45dfa38f42820100000000000004776562', 'hex'), Buffer.from('m')],
      'webm',
    ],
    ['EBML without a DocType', [Buffer.from('1a45dfa38342868101', 'hex')], 'mkv'],
    ['a brand after vendor boxes', [box(16, 'uuid'), box(16, 'XMP_'), box(24, 'ftyp', 'isom')], 'mp4'],
    ['text that contains container names', [Buffer.from('ftyp matroska webm AVI moov')], undefined],
  ])('%s', (_, parts, container) => {
    expect(detectContainer(Buffer.concat([...parts, Buffer.alloc(16)]))).toBe(container);
  });
});

describe('a file that is not a video', () => {
  it.each([
    ['the file looks like an HTML page, not like a video', fixture('html.mp4')],
    ['the file looks like an HLS playlist, not like a video', fixture('playlist.mp4')],
    ['the file looks like an ffmpeg concat script, not like a video', fixture('concat.mp4')],
    ['the file looks like an MPEG program stream, not like a video', fixture('mpeg-ps.mp4')],
    ['the file looks like an MPEG transport stream, not like a video', Buffer.alloc(376, 'G\0\0'.padEnd(188, 'x'))],
    ['the file looks like a Windows Media video, not like a video', Buffer.from('3026b2758e66cf11', 'hex')],
    ['the file is empty', fixture('empty.mp4')],
    ['the file looks like an HTML page, not like a video', Buffer.from('\ufeff\r\n<HTML>')],
    ['the file looks like an XML document, not like a video', Buffer.from('<?xml version="1.0"?>')],
    ['the file looks like text, not like a video', Buffer.from('Übung\tmacht den Meister\n')],
    ['the file begins with zero bytes only, so it is not a video', Buffer.alloc(5000)],
    ['the file looks like an image, not like a video', Buffer.from('89504e470d0a1a0a', 'hex')],
    ['the file is not a supported video', Buffer.from('0107aa00ff', 'hex')],
  ])('%s (%#)', (sentence, head) => {
    expect(describeUnknown(head)).toBe(sentence);
  });
});
