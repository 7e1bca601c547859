import { NoVideoStream, VideoUnreadable } from '../errors.ts';
import { probeAvi } from './containers/avi.ts';
import { BufferedReader } from './containers/buffered-reader.ts';
import { describeUnknown, detectContainer } from './containers/detect.ts';
import { probeWithMediabunny } from './containers/mediabunny.ts';
import { detectStream, streamNames } from './containers/streams.ts';
import { probeWithFfprobe } from './ffprobe/probe.ts';
import type { FfprobeOptions } from './ffprobe/run.ts';
import { windowBytes } from './http/range-reader.ts';
import type { OpenVideo, Probed } from './types.ts';

export type ProbeOptions = FfprobeOptions & {
  /** Whether the formats of StreamFormat are supported, too; they are left to ffprobe. */
  anyContent?: boolean;
};

/**
 * Returns the facts of the first video stream that is not an attached picture.
 * Throws VideoUnreadable, NoVideoStream, VideoTimeout, any error of `video.read`, the signal's reason, or a plain Error
 * if ffprobe cannot be run.
 */
export async function probe(video: OpenVideo, options: ProbeOptions): Promise<Probed> {
  const head = await video.read(0, windowBytes);
  const container = detectContainer(head);
  if (container === undefined) return probeStream(video, head, options);
  const reader = new BufferedReader(video);
  try {
    const facts = await (container === 'avi' ? probeAvi(reader) : probeWithMediabunny(reader, container));
    return { facts, path: 'in_process' };
  } catch (error) {
    // ffprobe gets a second chance at the content of a file, not at a failed transfer.
    if (!(error instanceof VideoUnreadable || error instanceof NoVideoStream)) throw error;
  }
  return probeWithFfprobe(video, container, options, reader.spans);
}

async function probeStream(video: OpenVideo, head: Uint8Array, options: ProbeOptions): Promise<Probed> {
  const format = detectStream(head);
  if (format === undefined) throw new VideoUnreadable(describeUnknown(head));
  if (options.anyContent) return probeWithFfprobe(video, format, options);
  throw new VideoUnreadable(`the file is ${streamNames[format]}, which needs VIDEO_CONTENT=any`);
}
