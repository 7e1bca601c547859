import { BufferSource, Input, type InputVideoTrack, Logging, LogLevel, MATROSKA, MP4, WEBM } from 'mediabunny';
import { NoVideoStream, VideoUnreadable } from '../../errors.ts';
import { type CrossCheck, confirmsSize } from '../codecs/coded-size.ts';
import { codecOfTrack } from '../codecs/names.ts';
import { shownResolution } from '../resolution.ts';
import type { VideoFacts } from '../types.ts';
import type { BufferedReader } from './buffered-reader.ts';
import { viewTracks } from './matroska-header.ts';
import { viewMoov } from './mp4-header.ts';

type Container = Exclude<VideoFacts['container'], 'avi'>;

/** The little of a file that tells of its pictures, and how to ask the codec for its word. */
export type HeaderView = {
  /** A valid file of its own, some kilobytes, without any frame. */
  file: Buffer;
  /** Whether a track of pictures is more than an index to another one. */
  isPicture(trackId: number): boolean;
  /** Throws VideoUnreadable for a track that is not there. */
  witness(trackId: number): CrossCheck;
};

/**
 * Reads the header of an mp4, mov, mkv or webm in this process, 0.1 ms, mostly one read, and has the codec confirm it.
 * Throws VideoUnreadable or NoVideoStream for what it cannot read or be sure of, and whatever `video.read` throws.
 */
export async function probeWithMediabunny(pieces: BufferedReader, container: Container): Promise<VideoFacts> {
  try {
    const view = await (container === 'mkv' || container === 'webm' ? viewTracks(pieces) : viewMoov(pieces));
    const { trackId, size, ...facts } = await parse(view, container);
    const witness = view.witness(trackId);
    const codec = codecOfTrack(facts.codec, witness.config);
    if (codec === undefined || !(await confirmsSize(codec, size, witness))) {
      // Who judges next has to see it.
      await witness.frame();
      throw new VideoUnreadable('the codec does not confirm the size in the header');
    }
    return { ...facts, codec };
  } catch (error) {
    // Numbers that lead outside of what there is.
    if (error instanceof RangeError) throw new VideoUnreadable('the header of the video is damaged', { cause: error });
    throw error;
  }
}

type Parsed = VideoFacts & { trackId: number; size: { width: number; height: number } };

async function parse({ file, isPicture }: HeaderView, container: Container): Promise<Parsed> {
  // It would print to the console what it finds odd, four-letter codes out of the file included.
  Logging.level = LogLevel.Silent;
  const input = new Input({ formats: [MP4, MATROSKA, WEBM], source: new BufferSource(file) });
  try {
    const track = (await input.getVideoTracks()).find(({ id }) => isPicture(id));
    if (track === undefined) throw new NoVideoStream('the file has no video stream');
    return await factsOf(track, container);
  } catch (error) {
    if (error instanceof NoVideoStream || error instanceof VideoUnreadable) throw error;
    throw new VideoUnreadable('the header of the video is damaged', { cause: error });
  } finally {
    input.dispose();
  }
}

async function factsOf(track: InputVideoTrack, container: Container): Promise<Parsed> {
  const size = { width: await track.getCodedWidth(), height: await track.getCodedHeight() };
  const rotation = await track.getRotation();
  const duration = await track.getDurationFromMetadata();
  return {
    ...shownResolution({ codedWidth: size.width, codedHeight: size.height, rotation }),
    codec: (await track.getCodec()) ?? String(await track.getInternalCodecId()),
    container,
    // A damaged time scale makes it infinite or not a number.
    duration: Number.isFinite(duration) ? duration : null,
    trackId: track.id,
    size,
  };
}
