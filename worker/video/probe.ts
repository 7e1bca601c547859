import { NoVideoStream, VideoUnreadable } from '../errors.ts';
import { Pieces } from './pieces.ts';
import { probeWithFfprobe } from './probe-ffprobe.ts';
import { probeWithMediabunny } from './probe-mediabunny.ts';
import { probeWithRiff } from './probe-riff.ts';
import { windowBytes } from './range-reader.ts';
import type { FfprobeOptions } from './run-ffprobe.ts';
import { describeOther, sniff } from './sniff.ts';
import type { OpenVideo, VideoFacts } from './video.ts';

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
  const pieces = new Pieces(video);
  try {
    const facts = await (container === 'avi' ? probeWithRiff(pieces) : probeWithMediabunny(pieces, container));
    return { facts, path: 'in_process' };
  } catch (error) {
    // Only what the file holds is worth a second opinion; a failed transfer is not.
    if (!(error instanceof VideoUnreadable || error instanceof NoVideoStream)) throw error;
  }
  return probeWithFfprobe(video, container, options, pieces.spans);
}
