import type { OpenVideo, VideoFacts } from '../video/types.ts';
import { PictureError } from './error.ts';

/** A short file whose only frame is the first key frame of the video. */
export type FrameFile = {
  file: Buffer;
  /** ffmpeg's name of the format. */
  demuxer: string;
  /** Whether the file contains the rotation, and ffmpeg applies it. */
  rotatesItself: boolean;
};

/** Returns the first key frame. Throws PictureError, or a VideoError of `video.read` that another attempt may not meet. */
export async function firstKeyFrame(_video: OpenVideo, _facts: VideoFacts): Promise<FrameFile> {
  throw new PictureError('frame_not_found', 'the first key frame was not found');
}
