import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { checkFrame } from '../damage.ts';

const jpeg = (content: Buffer) => Buffer.concat([content, Buffer.from([0xff, 0xd9])]);
const [noise, gap] = [randomBytes(20_000).map((byte) => byte | 1), Buffer.alloc(5000)];
const damaged = Buffer.concat([noise, gap, noise]);

describe('checkFrame', () => {
  it.each(['h264', 'hevc', 'vp8', 'vp9', 'av1', 'mpeg4', 'mpeg2video'])('rejects a frame of %s with a gap', (codec) => {
    expect(() => checkFrame({ codec }, damaged)).toThrow('gap of zeros');
    expect(() => checkFrame({ codec }, Buffer.from(noise))).not.toThrow();
  });

  it('accepts zeros where a codec may write them', () => {
    expect(() => checkFrame({ codec: 'rawvideo' }, Buffer.alloc(100_000))).not.toThrow();
    expect(() => checkFrame({ codec: 'mjpeg' }, jpeg(Buffer.alloc(100_000)))).not.toThrow();
  });

  it('rejects a JPEG with a gap, or without its end', () => {
    expect(() => checkFrame({ codec: 'mjpeg' }, jpeg(damaged))).toThrow('gap of zeros');
    expect(() => checkFrame({ codec: 'mjpeg' }, Buffer.alloc(100_000))).toThrow('end of the first frame');
  });
});
