import { pathToFileURL } from 'node:url';
import { findProgram } from './system-packages.ts';

/**
 * Returns the environment variables with which services store pictures in `folder`, and make them if this machine has ffmpeg:
 * services have no PATH.
 */
export async function mediaSettings(folder: string): Promise<Record<string, string>> {
  const ffmpeg = await findProgram(['ffmpeg'], process.env.PATH ?? '');
  return { MEDIA_URL: pathToFileURL(folder).href, ...(ffmpeg === undefined ? {} : { FFMPEG_PATH: ffmpeg }) };
}
