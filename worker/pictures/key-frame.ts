import { VideoTooLarge } from '../errors.ts';
import { aviKeyFrame } from '../video/containers/avi-key-frame.ts';
import { BufferedReader } from '../video/containers/buffered-reader.ts';
import type { KeyFrame } from '../video/containers/key-frame.ts';
import { matroskaKeyFrame } from '../video/containers/matroska-key-frame.ts';
import { mp4KeyFrame } from '../video/containers/mp4-key-frame.ts';
import { ifReadable } from '../video/containers/reduced.ts';
import { demuxers } from '../video/ffprobe/probe.ts';
import { windowBytes } from '../video/http/range-reader.ts';
import type { OpenVideo, VideoFacts } from '../video/types.ts';
import { checkFrame } from './damage.ts';
import { PictureError } from './error.ts';

/** What to give to ffmpeg. */
export type FrameFile = {
  file: Buffer;
  /** ffmpeg's name of the format. */
  demuxer: string;
  /** Whether the file contains the rotation, and ffmpeg applies it. */
  rotatesItself: boolean;
  /** `frame`: its only frame is the key frame. `beginning`: the first bytes of the video; `whole`: all of it. */
  content: 'frame' | 'beginning' | 'whole';
};

/** For a picture of 1920 x 1080 pixels; larger ones get more in proportion. */
const fullHdBytes = 512 * 1024;
const fullHdPixels = 1920 * 1080;
const maxBytes = 4 * 1024 * 1024;
/** Codecs that compress each picture on its own, and little. */
const largeCodecs = new Set([
  'prores',
  'dnxhd',
  'cfhd',
  'rawvideo',
  'ffv1',
  'huffyuv',
  'ffvhuff',
  'utvideo',
  'dvvideo',
]);

/**
 * Returns a file with the first key frame of the video, or the beginning of the video if this module cannot find it there.
 * Reads at most one range beyond the header and the first entries of its tables. Throws PictureError, any VideoError of
 * `video.read` but VideoTooLarge, or the signal's reason.
 */
export async function firstKeyFrame(video: OpenVideo, facts: VideoFacts): Promise<FrameFile> {
  try {
    const frame = await ifReadable(() => locate(new BufferedReader(video), facts.container));
    return frame === undefined ? await beginningOf(video, facts) : await fileOf(frame, video, facts);
  } catch (error) {
    if (!(error instanceof VideoTooLarge)) throw error;
    throw new PictureError('frame_too_large', 'the byte budget ends before the first key frame', { cause: error });
  }
}

async function locate(reader: BufferedReader, container: VideoFacts['container']): Promise<KeyFrame | undefined> {
  if (container === 'avi') return aviKeyFrame(reader);
  if (container === 'mp4' || container === 'mov') return mp4KeyFrame(reader);
  return container === 'mkv' || container === 'webm' ? matroskaKeyFrame(reader) : undefined;
}

async function fileOf(frame: KeyFrame, video: OpenVideo, facts: VideoFacts): Promise<FrameFile> {
  const limit = byteLimit(facts);
  if (frame.at + frame.length > video.size || frame.length === 0) {
    throw new PictureError('frame_damaged', 'the file ends within its first key frame');
  }
  if (frame.length > limit) {
    throw new PictureError('frame_too_large', `the first key frame takes ${frame.length} bytes, more than ${limit}`);
  }
  const content = Buffer.from(await video.read(frame.at, frame.at + frame.length));
  checkFrame(facts, content);
  const rotatesItself = facts.container === 'mp4' || facts.container === 'mov';
  return { file: frame.fileWith(content), demuxer: demuxers[facts.container], rotatesItself, content: 'frame' };
}

/** A stream, or a file that only ffmpeg can follow. */
async function beginningOf(video: OpenVideo, facts: VideoFacts): Promise<FrameFile> {
  const limit = byteLimit(facts);
  const file = Buffer.from(await video.read(0, limit));
  const content = file.length === video.size ? 'whole' : 'beginning';
  return { file, demuxer: demuxers[facts.container], rotatesItself: false, content };
}

/** Ranges are read in windows, of which the first and the last may be used in part only. */
function byteLimit({ width, height, codec }: VideoFacts): number {
  const inProportion = Math.max(1, (width * height) / fullHdPixels) * fullHdBytes;
  return Math.floor(largeCodecs.has(codec) ? maxBytes : Math.min(inProportion, maxBytes)) - 2 * windowBytes;
}
