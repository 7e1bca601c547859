import { execFile } from 'node:child_process';
import { access, mkdir, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** A video and the resolution that it is known to have, as shown. */
export type Truth = { video: string; resolution: string };

export const SET_NAMES = ['avi', 'mix', 'samples'] as const;
export type SetName = (typeof SET_NAMES)[number];

export const SET_TITLES: Record<SetName, string> = {
  avi: 'one AVI of 487 kB',
  mix: 'ten videos of 0.3 to 34 MB',
  samples: 'the five bundled samples',
};

const SAMPLES: Truth[] = [
  { video: 'test_1.avi', resolution: '1280x720' },
  { video: 'test_2.mp4', resolution: '1920x1080' },
  { video: 'test_3.mov', resolution: '540x960' },
  { video: 'test_4.mkv', resolution: '854x480' },
  { video: 'test_5.webm', resolution: '640x360' },
];

/** `noise`: how strong; small pictures of full noise do not fit into their class. */
type Recipe = { file: string; size: string; shown?: string; bytes: string; noise?: number; args: string[] };

const H264 = ['-c:v', 'libx264', '-preset', 'ultrafast'];
const SECONDS = 10;

// Noise keeps the encoders at the bit rate asked for; -fs ends the AVI at the size that its class is named after.
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
  { file: 'upright.mov', size: '1280x720', shown: '720x1280', bytes: '9M', args: [...H264] },
  { file: 'large.mkv', size: '1920x1080', bytes: '14M', args: [...H264] },
  { file: 'motion.avi', size: '1280x720', bytes: '20M', args: ['-c:v', 'mjpeg'] },
  { file: 'long.mp4', size: '1920x1080', bytes: '27M', args: [...H264] },
  { file: 'largest.mp4', size: '1920x1080', bytes: '34M', args: [...H264] },
];

/** The videos of a set, each under the path that an alert names. */
export function truthsOf(set: SetName): Truth[] {
  const made = (recipe: Recipe) => ({ video: recipe.file, resolution: recipe.shown ?? recipe.size });
  const videos = { avi: [made(AVI_487)], mix: MIX.map(made), samples: SAMPLES }[set];
  return videos.map(({ video, resolution }) => ({ video: `/videos/${video}`, resolution }));
}

/** Where made videos stay from run to run; git-ignored, some 115 MB. */
const CACHE = fileURLToPath(new URL('./videos/', import.meta.url));
const BUNDLED = fileURLToPath(new URL('../nginx/videos/', import.meta.url));

/**
 * Puts the videos of these sets, linked or copied, into `folder`; makes those that were never made, which takes ffmpeg
 * and a minute. Throws one sentence where there is no ffmpeg.
 */
export async function layOutVideos(
  sets: readonly SetName[],
  folder: string,
  say: (line: string) => void,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const recipes = sets.includes('mix') ? MIX : sets.includes('avi') ? [AVI_487] : [];
  if (sets.includes('samples'))
    for (const { video } of SAMPLES) await symlink(join(BUNDLED, video), join(folder, video));
  for (const recipe of recipes) {
    const file = join(CACHE, recipe.file);
    if (!(await exists(file))) {
      say(`making ${recipe.file}`);
      await make(recipe, file);
    }
    await symlink(file, join(folder, recipe.file));
  }
}

async function make({ file, size, shown, bytes, noise = 30, args }: Recipe, target: string): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const unfinished = join(CACHE, `unfinished-${process.pid}-${file}`);
  const source = `testsrc2=size=${size}:rate=25:duration=${SECONDS},noise=alls=${noise}:allf=t,format=yuv420p`;
  const rate = args.includes('-b:v')
    ? []
    : ['-b:v', bitRate(bytes), '-maxrate', bitRate(bytes), '-bufsize', bitRate(bytes)];
  await ffmpeg(['-f', 'lavfi', '-i', source, ...args, ...rate, unfinished]);
  if (shown === undefined) return rename(unfinished, target);
  const turned = join(CACHE, `turned-${process.pid}-${file}`);
  await ffmpeg(['-i', unfinished, '-c', 'copy', '-metadata:s:v', 'rotate=90', turned]);
  await rm(unfinished);
  await rename(turned, target);
}

/** What fills `bytes` ('34M') in the seconds that each video lasts. */
function bitRate(bytes: string): string {
  const factor = bytes.endsWith('M') ? 1_000_000 : 1_000;
  return String(Math.round((Number.parseFloat(bytes) * factor * 8) / SECONDS));
}

async function ffmpeg(args: string[]): Promise<void> {
  try {
    await promisify(execFile)('ffmpeg', ['-v', 'error', '-y', ...args], { timeout: 120_000 });
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    throw new Error(missing ? 'ffmpeg is not on the PATH: install it, or take --set samples' : 'ffmpeg failed', {
      cause,
    });
  }
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
