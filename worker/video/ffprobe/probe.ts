import { type FileHandle, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { NoVideoStream, VideoTooLarge, VideoUnreadable } from '../../errors.ts';
import type { Span } from '../containers/buffered-reader.ts';
import { moovParts } from '../containers/mp4-moov.ts';
import type { Probed } from '../probe.ts';
import { shownResolution } from '../resolution.ts';
import type { OpenVideo, VideoFacts } from '../types.ts';
import { type FfprobeOptions, runFfprobe } from './run.ts';
import { Semaphore } from './semaphore.ts';
import { makeProbeFolder } from './temporary-folder.ts';

type Container = VideoFacts['container'];

const demuxers: Record<Container, string> = { mp4: 'mov', mov: 'mov', mkv: 'matroska', webm: 'matroska', avi: 'avi' };

/** The header, and the first frame or enough of it. */
const headBytes = 64 * 1024;
/** Header lists of a file with long JUNK, attachments or tags before its streams end within 1 MiB. */
const largerHead = 1024 * 1024;
/** A longer file that tells nothing in its parts is not worth the bytes; half of the default byte budget. */
const mostWhole = 4 * 1024 * 1024;
/** Header and sound before the first frame, of which ffprobe may read as much before it has the picture. */
const mostSkipped = 1024 * 1024;
const pieceBytes = 256 * 1024;
/** A run costs 10 ms of a core and up to `mostWhole` of memory and disk; a worker has many videos in hand at once. */
const turns = new Semaphore(2);
/** File systems refuse larger ones, and no camera writes them. */
const largestFile = 2 ** 40;

const seconds = z.coerce.number().positive().optional().catch(undefined);
const ffprobeOutput = z.object({
  streams: z.array(
    z.object({
      codec_type: z.string().optional(),
      codec_name: z.string().optional(),
      codec_tag_string: z.string().optional(),
      width: z.number().optional(),
      height: z.number().optional(),
      duration: seconds,
      disposition: z.object({ attached_pic: z.number().optional() }).optional(),
      // Counter-clockwise; a matrix that turns nothing anywhere is printed as the smallest 64-bit number.
      side_data_list: z.array(z.object({ rotation: z.number().optional() })).optional(),
    }),
  ),
  format: z.object({ duration: seconds }).optional(),
});

/**
 * ffprobe on a private temporary file as long as the video and empty but for the parts fetched; where they tell
 * nothing and the video is short, on the whole of it. Two at a time in this process, the others wait.
 * Throws VideoUnreadable, NoVideoStream, VideoTimeout, whatever `video.read` throws, the signal's reason, or a plain
 * Error where ffprobe itself cannot be run.
 * @param looked what others have read before, up to the first frame; ffprobe sees it too.
 */
export async function probeWithFfprobe(
  video: OpenVideo,
  container: Container,
  options: FfprobeOptions,
  looked: Span[] = [],
): Promise<Probed> {
  if (video.size > largestFile) throw new VideoUnreadable(`the file claims to be ${video.size} bytes long`);
  const length = container === 'avi' ? await riffLength(video) : video.size;
  const choices = await choicesOf(video, container, looked);
  const skippedBytes = Math.min(looked.at(-1)?.[1] ?? 0, mostSkipped);
  using _ = await turns.take(options.signal);
  const deadline = AbortSignal.timeout(options.timeoutMs);
  const folder = await makeProbeFolder(options.temporaryFolder ?? tmpdir());
  try {
    return await firstReadable(choices, async ({ path, parts }) => {
      const file = 'video';
      await using handle = await open(join(folder, file), 'w', 0o600);
      await handle.truncate(path === 'full_file' ? video.size : length);
      for (const part of parts) await copy(video, part, handle);
      const output = await runFfprobe({ folder, file, demuxer: demuxers[container], skippedBytes, options, deadline });
      return { facts: factsOf(output, container), path };
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Which parts to show, and what to show where they tell nothing. */
type Choice = { path: 'ffprobe' | 'full_file'; parts: Span[] };

async function choicesOf(video: OpenVideo, container: Container, looked: Span[]): Promise<Choice[]> {
  const head: Span = [0, headBytes];
  const larger: Choice[] = [];
  if (video.size > headBytes && video.size <= mostWhole) larger.push({ path: 'full_file', parts: [[0, video.size]] });
  else if (video.size > headBytes) larger.push({ path: 'ffprobe', parts: [[0, largerHead]] });
  if (container !== 'mp4' && container !== 'mov') return [{ path: 'ffprobe', parts: [head, ...looked] }, ...larger];
  const moov = await moovParts(video);
  if (moov === undefined) throw new VideoUnreadable('the file has no moov box; it may be cut short');
  return [{ path: 'ffprobe', parts: [head, ...moov, ...looked] }, ...larger.filter(({ path }) => path === 'full_file')];
}

/** What the first choice tells that tells anything; else the failure of the first. */
async function firstReadable(choices: Choice[], look: (choice: Choice) => Promise<Probed>): Promise<Probed> {
  let failure: unknown;
  for (const choice of choices) {
    try {
      return await look(choice);
    } catch (error) {
      const worthMore = error instanceof VideoUnreadable || error instanceof NoVideoStream;
      if (!worthMore && !(error instanceof VideoTooLarge && failure !== undefined)) throw error;
      failure ??= error;
    }
  }
  throw failure;
}

/**
 * Behind its first RIFF chunk ffprobe walks the file in steps of 8 bytes, in search of an index: minutes in 5 GB. Where
 * a recorder was cut off and has written no length, the head alone gives the same facts.
 */
async function riffLength(video: OpenVideo): Promise<number> {
  const header = Buffer.from(await video.read(0, 8));
  return header.length < 8 ? video.size : Math.min(8 + header.readUInt32LE(4), video.size);
}

async function copy(video: OpenVideo, [start, end]: Span, handle: FileHandle): Promise<void> {
  for (let at = start; at < Math.min(end, video.size); at += pieceBytes) {
    const bytes = await video.read(at, Math.min(at + pieceBytes, end));
    await handle.write(bytes, 0, bytes.length, at);
  }
}

function factsOf(output: string, container: Container): VideoFacts {
  const { streams, format } = ffprobeOutput.parse(JSON.parse(output));
  const stream = streams.find((each) => each.codec_type === 'video' && each.disposition?.attached_pic !== 1);
  if (stream === undefined) throw new NoVideoStream('the file has no video stream');
  const codec = stream.codec_name ?? stream.codec_tag_string;
  if (codec === undefined) throw new VideoUnreadable('the codec of the video is not known');
  const turned = stream.side_data_list?.find((each) => each.rotation !== undefined)?.rotation ?? 0;
  return {
    ...shownResolution({ codedWidth: stream.width, codedHeight: stream.height, rotation: -turned }),
    codec,
    container,
    duration: stream.duration ?? format?.duration ?? null,
  };
}
