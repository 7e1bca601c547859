import { execFile } from 'node:child_process';
import { access, constants, copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** A video's path in alerts, and its expected resolution, as displayed. */
export type ExpectedVideo = { path: string; resolution: string };

export const SET_NAMES = ['avi', 'mix', 'samples'] as const;
export type SetName = (typeof SET_NAMES)[number];

export const SET_TITLES: Record<SetName, string> = {
  avi: 'one AVI of 487 kB',
  mix: 'ten videos of 0.3 to 34 MB',
  samples: 'the five bundled samples',
};

const SAMPLES = [
  { file: 'test_1.avi', resolution: '1280x720' },
  { file: 'test_2.mp4', resolution: '1920x1080' },
  { file: 'test_3.mov', resolution: '540x960' },
  { file: 'test_4.mkv', resolution: '854x480' },
  { file: 'test_5.webm', resolution: '640x360' },
];

/**
 * `displayed`: the resolution after rotation, if it differs from `size`. `noise`: its strength; full noise in a small
 * picture would exceed `bytes`.
 */
type Recipe = { file: string; size: string; displayed?: string; bytes: string; noise?: number; args: string[] };

const H264 = ['-c:v', 'libx264', '-preset', 'ultrafast'];
const SECONDS = 10;

// Noise keeps the encoders at the given bit rate; -fs ends the AVI at the size in its title.
const AVI_487: Recipe = {
  file: '487kb.avi',
  size: '1280x720',
  bytes: '487k',
  noise: 2,
  args: ['-c:v', 'mpeg4', '-b:v', '2M', '-fs', '467k'],
};

const MIX: Recipe[] = [
  AVI_487,
  {
    file: 'small.webm',
    size: '640x360',
    bytes: '250k',
    noise: 5,
    args: ['-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8'],
  },
  { file: 'fragmented.mp4', size: '640x480', bytes: '1.2M', args: [...H264, '-movflags', 'frag_keyframe+empty_moov'] },
  { file: 'faststart.mp4', size: '1280x720', bytes: '3M', args: [...H264, '-movflags', '+faststart'] },
  {
    file: 'hevc.mp4',
    size: '1280x720',
    bytes: '5M',
    args: [
      '-c:v',
      'libx265',
      '-preset',
      'ultrafast',
      '-tag:v',
      'hvc1',
      '-movflags',
      '+faststart',
      '-x265-params',
      'log-level=error',
    ],
  },
  { file: 'upright.mov', size: '1280x720', displayed: '720x1280', bytes: '9M', args: [...H264] },
  { file: 'large.mkv', size: '1920x1080', bytes: '14M', args: [...H264] },
  { file: 'motion.avi', size: '1280x720', bytes: '20M', args: ['-c:v', 'mjpeg'] },
  { file: 'long.mp4', size: '1920x1080', bytes: '27M', args: [...H264] },
  { file: 'largest.mp4', size: '1920x1080', bytes: '34M', args: [...H264] },
];

/** Returns the videos of a set. */
export function videosOf(set: SetName): ExpectedVideo[] {
  const expectedOf = ({ file, size, displayed }: Recipe) => ({ file, resolution: displayed ?? size });
  const files = { avi: [expectedOf(AVI_487)], mix: MIX.map(expectedOf), samples: SAMPLES }[set];
  return files.map(({ file, resolution }) => ({ path: `/videos/${file}`, resolution }));
}

/** Generated videos stay here from run to run: about 115 MB, ignored by git. */
const CACHE = fileURLToPath(new URL('./videos/', import.meta.url));
const BUNDLED = fileURLToPath(new URL('../nginx/videos/', import.meta.url));

/**
 * Copies the videos of these sets to `folder`: the file server follows no links. Generates missing ones first, which needs
 * ffmpeg and takes about a minute. Throws one sentence if there is no ffmpeg.
 */
export async function prepareVideos(
  sets: readonly SetName[],
  folder: string,
  log: (line: string) => void,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  if (sets.includes('samples')) {
    for (const { file } of SAMPLES) await copyTo(folder, join(BUNDLED, file));
  }
  const recipes = sets.includes('mix') ? MIX : sets.includes('avi') ? [AVI_487] : [];
  for (const recipe of recipes) {
    const cached = join(CACHE, recipe.file);
    if (!(await exists(cached))) {
      log(`generating ${recipe.file}`);
      await generate(recipe, cached);
    }
    await copyTo(folder, cached);
  }
}

function copyTo(folder: string, file: string): Promise<void> {
  return copyFile(file, join(folder, basename(file)), constants.COPYFILE_FICLONE);
}

async function generate({ file, size, displayed, bytes, noise = 30, args }: Recipe, target: string): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const unfinished = join(CACHE, `unfinished-${process.pid}-${file}`);
  const source = `testsrc2=size=${size}:rate=25:duration=${SECONDS},noise=alls=${noise}:allf=t,format=yuv420p`;
  const rate = bitRate(bytes);
  const rateArgs = args.includes('-b:v') ? [] : ['-b:v', rate, '-maxrate', rate, '-bufsize', rate];
  await runFfmpeg(['-f', 'lavfi', '-i', source, ...args, ...rateArgs, unfinished]);
  if (displayed === undefined) return rename(unfinished, target);
  const rotated = join(CACHE, `rotated-${process.pid}-${file}`);
  await runFfmpeg(['-i', unfinished, '-c', 'copy', '-metadata:s:v', 'rotate=90', rotated]);
  await rm(unfinished);
  await rename(rotated, target);
}

/** Returns the bit rate at which a video of ten seconds has this size, such as '34M'. */
function bitRate(bytes: string): string {
  const factor = bytes.endsWith('M') ? 1_000_000 : 1_000;
  return String(Math.round((Number.parseFloat(bytes) * factor * 8) / SECONDS));
}

async function runFfmpeg(args: string[]): Promise<void> {
  try {
    await promisify(execFile)('ffmpeg', ['-v', 'error', '-y', ...args], { timeout: 120_000 });
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    const message = missing ? 'ffmpeg is not on the PATH: install it, or use --set samples' : 'ffmpeg failed';
    throw new Error(message, { cause });
  }
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
