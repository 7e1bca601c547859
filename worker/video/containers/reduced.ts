import { NoVideoStream, VideoUnreadable } from '../../errors.ts';
import type { OpenVideo } from '../types.ts';
import { reducedAvi } from './avi.ts';
import { BufferedReader } from './buffered-reader.ts';
import { reducedMatroska } from './matroska-reduced.ts';

/**
 * Returns a short file that describes the same video, for ffprobe; undefined if the beginning of the video serves as
 * well, or if this module cannot follow it. Throws any error of `video.read`.
 */
export function reducedFile(video: OpenVideo, container: 'mkv' | 'webm' | 'avi'): Promise<Buffer | undefined> {
  const reader = new BufferedReader(video);
  return ifReadable(() => (container === 'avi' ? reducedAvi(reader) : reducedMatroska(reader)));
}

/** Returns undefined instead of a failure of the content; ffprobe may read it. */
export async function ifReadable<T>(read: () => Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    const isContent = error instanceof VideoUnreadable || error instanceof NoVideoStream || error instanceof RangeError;
    if (isContent) return undefined;
    throw error;
  }
}
