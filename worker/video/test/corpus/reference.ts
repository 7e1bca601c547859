import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The facts that ffprobe finds in a whole file; `rotation` is the nearest quarter turn, clockwise. */
export type Reference = {
  resolution: string;
  rotation: number;
  codec: string;
  /** Seconds; null if unknown. */
  duration: number | null;
};

/** Returns undefined if ffprobe cannot read the file or finds no video stream but attached pictures. */
export async function referenceOf(path: string): Promise<Reference | undefined> {
  const { path: ffprobe }: { path: string } = createRequire(import.meta.url)('@ffprobe-installer/ffprobe');
  const args = ['-v', 'error', '-of', 'json', '-show_streams', '-show_format', path];
  const printed = await run(ffprobe, args, { timeout: 60_000 }).catch(() => undefined);
  if (printed === undefined) return undefined;
  const { streams = [], format = {} } = JSON.parse(printed.stdout);
  const isPicture = (each: { codec_type: string; disposition: { attached_pic: number } }) =>
    each.codec_type === 'video' && each.disposition.attached_pic !== 1;
  const stream = streams.find(isPicture);
  if (stream === undefined || !(stream.width > 0)) return undefined;
  const counterclockwise =
    stream.side_data_list?.find((each: { rotation?: number }) => each.rotation !== undefined)?.rotation ?? 0;
  const rotation = (Math.round((720 - counterclockwise) / 90) * 90) % 360;
  const sideways = rotation % 180 === 90;
  const duration = Number(stream.duration ?? format.duration);
  return {
    resolution: sideways ? `${stream.height}x${stream.width}` : `${stream.width}x${stream.height}`,
    rotation,
    codec: stream.codec_name,
    duration: Number.isNaN(duration) ? null : duration,
  };
}
