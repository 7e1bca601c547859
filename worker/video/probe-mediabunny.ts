import {
  CustomSource,
  Input,
  type InputFormat,
  type InputVideoTrack,
  Logging,
  LogLevel,
  MATROSKA,
  MP4,
  QTFF,
  WEBM,
} from 'mediabunny';
import { NoVideoStream, VideoUnreadable } from '../errors.ts';
import { windowBytes } from './range-reader.ts';
import { shownResolution } from './resolution.ts';
import type { OpenVideo, VideoFacts } from './video.ts';

type Container = Exclude<VideoFacts['container'], 'avi'>;

const formats: Record<Container, InputFormat> = { mp4: MP4, mov: QTFF, mkv: MATROSKA, webm: WEBM };

/**
 * Reads the header of an mp4, mov, mkv or webm in this process, 1 ms and one to three reads.
 * Throws VideoUnreadable or NoVideoStream for what it cannot read, and whatever `video.read` throws.
 */
export async function probeWithMediabunny(video: OpenVideo, container: Container): Promise<VideoFacts> {
  const matroska = container === 'mkv' || container === 'webm';
  if (matroska && video.size > windowBytes) {
    try {
      // Told of the whole file the parser would fetch the index at its end too, which knows nothing of the picture.
      return await parse(video, windowBytes, container);
    } catch (error) {
      if (!(error instanceof NoVideoStream)) throw error;
    }
  }
  return parse(video, video.size, container);
}

async function parse(video: OpenVideo, size: number, container: Container): Promise<VideoFacts> {
  // It would print to the console what it finds odd, four-letter codes out of the file included.
  Logging.level = LogLevel.Silent;
  const reads = watched(video);
  const input = new Input({
    formats: [formats[container]],
    source: new CustomSource({ getSize: () => size, read: reads.read, prefetchProfile: 'none' }),
  });
  try {
    const [track] = await input.getVideoTracks();
    if (track === undefined) throw new NoVideoStream('the file has no video stream');
    return await factsOf(track, container);
  } catch (error) {
    // The parser wraps or swallows what its source throws; a failed transfer is not a damaged file.
    if (reads.failure !== undefined) throw reads.failure.error;
    if (error instanceof NoVideoStream || error instanceof VideoUnreadable) throw error;
    throw new VideoUnreadable('the header of the video is damaged', { cause: error });
  } finally {
    input.dispose();
  }
}

async function factsOf(track: InputVideoTrack, container: Container): Promise<VideoFacts> {
  const codec = await track.getCodec();
  if (codec === null) throw new VideoUnreadable('the codec of the video is not known');
  const resolution = shownResolution({
    codedWidth: await track.getCodedWidth(),
    codedHeight: await track.getCodedHeight(),
    rotation: await track.getRotation(),
  });
  const duration = await track.getDurationFromMetadata();
  return {
    ...resolution,
    codec: codec === 'avc' ? 'h264' : codec,
    container,
    // A damaged time scale makes it infinite or not a number.
    duration: Number.isFinite(duration) ? duration : null,
  };
}

function watched(video: OpenVideo): {
  read: OpenVideo['read'];
  failure: { error: unknown } | undefined;
} {
  const reads: ReturnType<typeof watched> = {
    failure: undefined,
    async read(start, end) {
      try {
        return await video.read(start, end);
      } catch (error) {
        reads.failure ??= { error };
        throw error;
      }
    },
  };
  return reads;
}
