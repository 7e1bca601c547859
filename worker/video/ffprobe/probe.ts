import { type FileHandle, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { NoVideoStream, VideoTooLarge, VideoUnreadable } from '../../errors.ts';
import { makeTemporaryFolder } from '../../sandbox/temporary-folder.ts';
import type { Span } from '../containers/buffered-reader.ts';
import { partsForFfprobe } from '../containers/mp4-spans.ts';
import { reducedFile } from '../containers/reduced.ts';
import { shownResolution } from '../resolution.ts';
import type { Container, OpenVideo, Probed, ProbePath, StreamFormat, VideoFacts } from '../types.ts';
import { type FfprobeOptions, runFfprobe } from './run.ts';
import { Semaphore } from './semaphore.ts';

type Format = Container | StreamFormat;

const streamDemuxers: Record<StreamFormat, string> = {
  mpegps: 'mpeg',
  mpegts: 'mpegts',
  flv: 'flv',
  asf: 'asf',
  h264: 'h264',
};
/** ffmpeg's names of the formats. */
export const demuxers: Record<Format, string> = {
  ...{ mp4: 'mov', mov: 'mov', mkv: 'matroska', webm: 'matroska', avi: 'avi' },
  ...streamDemuxers,
};

/** Returns ffmpeg's name of a format that a probe has found; undefined for any other. */
export function demuxerOf(format: string): string | undefined {
  return Object.hasOwn(demuxers, format) ? demuxers[format as Format] : undefined;
}

/** Contains the header, and the first frame or enough of it. */
const headBytes = 64 * 1024;
/** Long JUNK chunks, attachments or tags before the streams: such headers end within 1 MiB. */
const largeHeadBytes = 1024 * 1024;
/** A longer file is never fetched as a whole; half of the default byte budget. */
const maxWholeBytes = 4 * 1024 * 1024;
/** Header and audio before the first video frame that ffprobe may read in addition. */
const maxSkippedBytes = 1024 * 1024;
const copyBytes = 256 * 1024;
/** A stream may begin between two key frames, and only key frames come with the size. */
const streamHeadBytes = 512 * 1024;
/** The last time stamp in it gives the duration. */
const streamTailBytes = 256 * 1024;
/** A run costs 10 ms of CPU and up to `maxWholeBytes` of memory and disk; a worker processes many videos at once. */
const runs = new Semaphore(2);
/** Some file systems refuse larger files, and no camera writes them. */
const maxFileBytes = 2 ** 40;

const seconds = z.coerce.number().positive().optional().catch(undefined);
const ffprobeOutput = z.object({
  streams: z.array(
    z.object({
      codec_type: z.string().optional(),
      codec_name: z.string().optional(),
      codec_tag_string: z.string().optional(),
      width: z.number().optional(),
      height: z.number().optional(),
      pix_fmt: z.string().optional(),
      duration: seconds,
      disposition: z.object({ attached_pic: z.number().optional() }).optional(),
      // Counter-clockwise; a degenerate matrix is printed as the smallest 64-bit number.
      side_data_list: z.array(z.object({ rotation: z.number().optional() })).optional(),
    }),
  ),
  format: z.object({ duration: seconds }).optional(),
});

/**
 * Runs ffprobe on a private, sparse temporary file as long as the video, which holds the fetched parts only. If these do
 * not suffice, a short video is fetched as a whole. At most two runs at a time in this process; others wait.
 * Throws VideoUnreadable, NoVideoStream, VideoTimeout, any error of `video.read`, the signal's reason, or a plain Error
 * if ffprobe cannot be run.
 * @param spansRead the spans that another parser has read, up to the first frame; ffprobe gets them too.
 */
export async function probeWithFfprobe(
  video: OpenVideo,
  container: Format,
  options: FfprobeOptions,
  spansRead: Span[] = [],
): Promise<Probed> {
  if (video.size > maxFileBytes) throw new VideoUnreadable(`the file claims to be ${video.size} bytes long`);
  const length = container === 'avi' ? await lengthOfFirstRiff(video) : video.size;
  const selections = await selectParts(video, container, spansRead);
  const skippedBytes = isStream(container) ? maxSkippedBytes : Math.min(spansRead.at(-1)?.[1] ?? 0, maxSkippedBytes);
  using _ = await runs.acquire(options.signal);
  const deadline = AbortSignal.timeout(options.timeoutMs);
  const folder = await makeTemporaryFolder(options.temporaryFolder ?? tmpdir());
  try {
    return await firstSuccess(selections, async ({ path, frameBytes = skippedBytes, ...content }) => {
      const file = 'video';
      await using handle = await open(join(folder, file), 'w', 0o600);
      if ('reduced' in content) await handle.write(content.reduced);
      else {
        await handle.truncate(path === 'full_file' ? video.size : length);
        for (const span of content.spans) await copySpan(video, span, handle);
      }
      const run = { folder, file, demuxer: demuxers[container], skippedBytes: frameBytes, options, deadline };
      const result = resultOf(await runFfprobe(run), container);
      // A reduced file has all that is known of the first frame: more bytes would not help.
      return { ...result, path, isDecoded: result.isDecoded || 'reduced' in content };
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

function isStream(format: Format): format is StreamFormat {
  return format in streamDemuxers;
}

/** Parts of a video to give to ffprobe, or a shorter file that describes the same video. */
type Selection = {
  path: Exclude<ProbePath, 'in_process'>;
  /** Bytes that ffprobe may read before the first picture; default: as many as another parser has. */
  frameBytes?: number;
} & ({ spans: Span[] } | { reduced: Buffer });

/** Returns what to try, in this order. */
async function selectParts(video: OpenVideo, container: Format, spansRead: Span[]): Promise<Selection[]> {
  const head: Span = [0, headBytes];
  const larger: Selection[] = [];
  if (video.size > headBytes) {
    const isShort = video.size <= maxWholeBytes;
    const whole: Selection = { path: 'full_file', spans: [[0, video.size]], frameBytes: maxWholeBytes };
    larger.push(isShort ? whole : { path: 'ffprobe', spans: [[0, largeHeadBytes]], frameBytes: largeHeadBytes });
  }
  if (isStream(container)) {
    const tail: Span = [Math.max(0, video.size - streamTailBytes), video.size];
    return [{ path: 'ffprobe', spans: [[0, streamHeadBytes], tail] }, ...larger];
  }
  const isMp4 = container === 'mp4' || container === 'mov';
  const { reduced, spans } = isMp4
    ? await partsForFfprobe(video)
    : { reduced: await reducedFile(video, container), spans: [] };
  const selections: Selection[] = reduced === undefined ? [] : [{ path: 'ffprobe', reduced }];
  selections.push({ path: 'ffprobe', spans: [head, ...spans, ...spansRead] });
  if (!isMp4 || video.size <= maxWholeBytes) return [...selections, ...larger];
  const [firstFrameAt] = spansRead.at(-1) ?? [0];
  const frames: Span = [firstFrameAt, firstFrameAt + largeHeadBytes];
  selections.push({ path: 'ffprobe', spans: [head, ...spans, ...spansRead, frames], frameBytes: largeHeadBytes });
  return selections;
}

/** `isDecoded`: whether ffprobe has decoded a picture, which outweighs the size in the header. */
type Result = Probed & { isDecoded: boolean };

/**
 * Returns the first result with a decoded picture; without one, the result of the first selection that yields any.
 * Otherwise throws the failure of the first selection.
 */
async function firstSuccess(selections: Selection[], run: (selection: Selection) => Promise<Result>): Promise<Probed> {
  let failure: unknown;
  let undecoded: Probed | undefined;
  for (const selection of selections) {
    try {
      const { isDecoded, ...probed } = await run(selection);
      if (isDecoded) return probed;
      undecoded ??= probed;
    } catch (error) {
      const mayLackParts = error instanceof VideoUnreadable || error instanceof NoVideoStream;
      // A larger selection beyond the byte budget leaves the first failure as it is.
      const isOptional = failure !== undefined || undecoded !== undefined;
      if (!mayLackParts && !(error instanceof VideoTooLarge && isOptional)) throw error;
      failure ??= error;
    }
  }
  if (undecoded !== undefined) return undecoded;
  throw failure;
}

/**
 * Returns the length of the file up to the end of its first RIFF chunk. After it ffprobe would search for an index in
 * steps of 8 bytes, which takes minutes in 5 GB. A recorder that was interrupted has written no length; then the header
 * alone gives the same facts.
 */
async function lengthOfFirstRiff(video: OpenVideo): Promise<number> {
  const header = Buffer.from(await video.read(0, 8));
  return header.length < 8 ? video.size : Math.min(8 + header.readUInt32LE(4), video.size);
}

async function copySpan(video: OpenVideo, [start, end]: Span, handle: FileHandle): Promise<void> {
  for (let at = start; at < Math.min(end, video.size); at += copyBytes) {
    const bytes = await video.read(at, Math.min(at + copyBytes, end));
    await handle.write(bytes, 0, bytes.length, at);
  }
}

function resultOf(output: string, container: Format): { facts: VideoFacts; isDecoded: boolean } {
  const { streams, format } = ffprobeOutput.parse(JSON.parse(output));
  const stream = streams.find((each) => each.codec_type === 'video' && each.disposition?.attached_pic !== 1);
  if (stream === undefined) throw new NoVideoStream('the file has no video stream');
  const codec = stream.codec_name ?? stream.codec_tag_string;
  if (codec === undefined) throw new VideoUnreadable('the codec of the video is unknown');
  const counterclockwise = stream.side_data_list?.find((each) => each.rotation !== undefined)?.rotation ?? 0;
  const facts: VideoFacts = {
    ...shownResolution({ codedWidth: stream.width, codedHeight: stream.height, rotation: -counterclockwise }),
    codec,
    container,
    duration: stream.duration ?? format?.duration ?? null,
  };
  return { facts, isDecoded: stream.pix_fmt !== undefined };
}
