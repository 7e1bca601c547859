import { NoVideoStream, VideoUnreadable } from '../errors.ts';
import { probeWithRiff } from './containers/avi.ts';
import { BufferedReader } from './containers/buffered-reader.ts';
import { probeWithMediabunny } from './containers/mediabunny.ts';
import { describeOther, sniff } from './containers/sniff.ts';
import { probeWithFfprobe } from './ffprobe/probe.ts';
import type { FfprobeOptions } from './ffprobe/run.ts';
import { windowBytes } from './http/range-reader.ts';
import type { OpenVideo, VideoFacts } from './types.ts';

/** Who answered: a reader in this process, ffprobe on the parts that tell, or ffprobe on the whole file. */
export type ProbePath = 'in_process' | 'ffprobe' | 'full_file';

export type Probed = { facts: VideoFacts; path: ProbePath };

/**
 * The facts of the first video stream that is not an attached picture.
 * Throws VideoUnreadable, NoVideoStream, VideoTimeout, whatever `video.read` throws, the signal's reason, or a plain
 * Error where ffprobe itself cannot be run.
 */
export async function probe(video: OpenVideo, options: FfprobeOptions): Promise<Probed> {
  const head = await video.read(0, windowBytes);
  const container = sniff(head);
  if (container === undefined) throw new VideoUnreadable(describeOther(head));
  const pieces = new BufferedReader(video);
  try {
    const facts = await (container === 'avi' ? probeWithRiff(pieces) : probeWithMediabunny(pieces, container));
    return { facts, path: 'in_process' };
  } catch (error) {
    // Only what the file holds is worth a second opinion; a failed transfer is not.
    if (!(error instanceof VideoUnreadable || error instanceof NoVideoStream)) throw error;
  }
  return probeWithFfprobe(video, container, options, pieces.spans);
}
