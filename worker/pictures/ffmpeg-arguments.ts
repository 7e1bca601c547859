import { PICTURE_DECODERS } from '../video/ffprobe/codecs.ts';
import type { VideoFacts } from '../video/types.ts';
import type { FrameFile } from './key-frame.ts';

/** Quiet, one thread, a list of decoders, and nothing but the local file `frame` in this format. */
function inputArguments(demuxer: string, level: 'error' | 'quiet', ...more: string[]): string[] {
  return [
    ...['-nostdin', '-hide_banner', '-v', level, '-codec_whitelist', PICTURE_DECODERS.join(','), '-threads', '1'],
    ...['-protocol_whitelist', 'file', '-format_whitelist', demuxer, '-f', demuxer],
    ...[...more, '-i', 'file:frame'],
  ];
}

/** Decodes the only frame and writes one WebP; every error in the frame is fatal. */
export function pictureArguments({ demuxer, rotatesItself }: FrameFile, facts: VideoFacts): string[] {
  const strict = ['-xerror', '-err_detect', 'crccheck+bitstream+buffer+explode', '-ec', '0'];
  const rotation = rotatesItself ? [] : ['-noautorotate'];
  return [
    ...inputArguments(demuxer, 'error', ...strict, ...rotation),
    ...['-map', '0:v:0', '-an', '-sn', '-dn', '-map_metadata', '-1', '-frames:v', '1', '-filter_threads', '1'],
    ...['-vf', filters(facts, rotatesItself), '-c:v', 'libwebp', '-threads', '1', '-quality', '75'],
    ...['-f', 'image2pipe', 'pipe:1'],
  ];
}

const turns: Record<VideoFacts['rotation'], string[]> = {
  0: [],
  90: ['transpose=clock'],
  180: ['hflip', 'vflip'],
  270: ['transpose=cclock'],
};

/**
 * Makes the pixels square and the picture at most 640 x 1600, never larger; through RGB, because WebP has one color matrix
 * and videos several. Fails on a picture of another size than the reported one: it would be of another stream.
 */
function filters({ width, height, rotation }: VideoFacts, isRotated: boolean): string {
  const factor = 'min(1,min(640/(iw*sar),1600/ih))';
  const isReported = `eq(iw,${width})*eq(ih,${height})`;
  const side = (length: string) => `if(${isReported},max(1,round(${length}*${factor})),${UNEXPECTED_SIZE})`;
  const scale = `scale=w='${side('iw*sar')}':h='${side('ih')}'`;
  return [...(isRotated ? [] : turns[rotation]), scale, 'setsar=1', 'format=rgb24', 'format=bgra'].join(',');
}

/** A width and height too large for ffmpeg, which it names in its error. */
export const UNEXPECTED_SIZE = 98765;

/** Copies the first key frame to the output, and lists it and the frame after it in the error output. */
export function extractionArguments(demuxer: string): string[] {
  const copy = ['-map', '0:V:0', '-an', '-sn', '-dn', '-map_metadata', '-1', '-c', 'copy'];
  return [
    ...inputArguments(demuxer, 'quiet'),
    ...[...copy, '-frames:v', '1', '-f', 'nut', 'pipe:1'],
    ...[...copy, '-frames:v', '2', '-f', 'framecrc', 'pipe:2'],
  ];
}

/** Returns how many frames the error output of the extraction lists. */
export function countPackets(errorOutput: string): number {
  return [...errorOutput.matchAll(/\b0, *-?\d+, *-?\d+, *-?\d+, *\d+, 0x/g)].length;
}
