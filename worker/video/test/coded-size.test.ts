import { describe, expect, it } from 'vitest';
import { confirmsSize } from '../codecs/coded-size.ts';
import { fixture } from './test-videos.ts';

const noFrame = async () => undefined;
const bytes = (hex: string) => Buffer.from(hex.replace(/\s/g, ''), 'hex');

/** The content of a box. */
function box(name: string, type: string): Buffer {
  const all = fixture(name);
  const at = all.indexOf(type);
  return all.subarray(at + 4, at - 4 + all.readUInt32BE(at - 4));
}

/** The content of an AVI's first video chunk. */
function chunk(name: string): Buffer {
  const all = fixture(name);
  const at = all.indexOf('00dc', all.indexOf('movi'));
  return all.subarray(at + 8, at + 8 + all.readUInt32LE(at + 4));
}

// Key frames of VP8 and VP9, a JPEG frame after its tables, a ProRes frame; the AV1 sequence header of 176x144.
const frames = {
  vp8: bytes('10 02 00 9d 01 2a 90 00 60 00'),
  vp9: bytes('82 49 83 42 00 0a 10 08 b6 00'),
  mjpeg: bytes('ffd8 ffdb 0004 0000 ffc0 0011 08 0060 0090 03'),
  prores: bytes('00000100 69637066 0094 0000 6d706c30 0090 0060'),
  av1: bytes('12 00 0a 0b 00 00 00 03 bd 7c 79 b5 f2 00 80'),
};

describe('the size that a codec states', () => {
  it.each([
    ['h264', 320, 180, box('h264.mp4', 'avcC')],
    ['h264', 1920, 1080, box('coded-1088.mp4', 'avcC')],
    ['mpeg4', 160, 120, box('mpeg4.mp4', 'esds')],
  ])('of %s: %d by %d, in the configuration', async (codec, width, height, config) => {
    expect(await confirmsSize(codec, { width, height }, { config, frame: noFrame })).toBe(true);
    expect(await confirmsSize(codec, { width: width + 8, height }, { config, frame: noFrame })).toBe(false);
    expect(await confirmsSize(codec, { width, height: height + 8 }, { config, frame: noFrame })).toBe(false);
  });

  it.each([
    ['h264', 256, 144, chunk('h264.avi')],
    ['h264', 1920, 1080, chunk('coded-1088.avi')],
    ['mpeg4', 320, 240, chunk('mpeg4.avi')],
    ['mpeg4', 161, 91, chunk('odd-size.avi')],
    ['vp8', 144, 96, frames.vp8],
    ['vp9', 162, 140, frames.vp9],
    ['mjpeg', 144, 96, frames.mjpeg],
    ['prores', 144, 96, frames.prores],
    ['av1', 176, 144, frames.av1],
  ])('of %s: %d by %d, in the first frame', async (codec, width, height, first) => {
    const frame = async () => first;
    expect(await confirmsSize(codec, { width, height }, { frame })).toBe(true);
    expect(await confirmsSize(codec, { width: width + 1, height }, { frame })).toBe(false);
    expect(await confirmsSize(codec, { width, height: height + 1 }, { frame })).toBe(false);
  });

  it.each(Object.entries(frames))(
    'of %s is not confirmed by a truncated frame, and nothing is thrown',
    async (codec, frame) => {
      for (let length = 0; length < frame.length; length += 1) {
        const confirmed = await confirmsSize(
          codec,
          { width: 1, height: 1 },
          { frame: async () => frame.subarray(0, length) },
        );
        expect(confirmed).toBe(false);
      }
    },
  );

  it.each(['h264', 'hevc', 'av1', 'mpeg4'])('of %s is not found in noise, and nothing is thrown', async (codec) => {
    let state = 7;
    for (let round = 0; round < 500; round += 1) {
      const noise = Buffer.alloc(64);
      for (let at = 0; at < noise.length; at += 1) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        noise[at] = state >>> 24;
      }
      // After the start of a parameter set.
      const config = Buffer.concat([bytes('01 64 00 1f ff e1 00 40 67'), noise]);
      const frame = async () => Buffer.concat([bytes('00 00 01 67'), noise]);
      expect(await confirmsSize(codec, { width: 0.5, height: 0.5 }, { config, frame })).toBe(false);
    }
  });

  it('is not needed for a codec that states none, but missing for an unknown codec', async () => {
    expect(await confirmsSize('ffv1', { width: 1, height: 1 }, { frame: noFrame })).toBe(true);
    expect(await confirmsSize('mpeg2video', { width: 1, height: 1 }, { frame: noFrame })).toBe(false);
  });
});
