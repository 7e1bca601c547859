import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { apiFields, combinationErrors } from '#api/config.ts';
import { databaseFields, logFields, wholeNumber } from '#config/fields.ts';
import { type Config, parseConfig } from '#config/parse.ts';
import { workerFields } from '#worker/config.ts';
import { fileServerFields } from './file-server.ts';

/** The variables of `npm start`: those of api and worker, some with other defaults, and its own. */
export const startFields = {
  ...workerFields,
  ...apiFields,
  DATABASE_URL: databaseFields.DATABASE_URL.optional(),
  PORT: wholeNumber(1, 65_535).prefault('8000'),
  VIDEO_PORT: wholeNumber(1, 65_535).prefault('8080'),
  VIDEOS_DIR: fileServerFields.VIDEOS_DIR,
  VIDEO_SERVER: workerFields.VIDEO_SERVER.unwrap().optional(),
  // By default everything here listens on the loopback address only.
  AUTH: apiFields.AUTH.unwrap().default('off'),
  DATA_DIR: z.string().default(fileURLToPath(new URL('../data', import.meta.url))),
  // The terminal shows notifications; set LOG_LEVEL=info to see the services' logs too.
  LOG_LEVEL: logFields.LOG_LEVEL.unwrap().default('error'),
};

type StartConfig = Config<typeof startFields>;

/**
 * Returns the configuration of `npm start`. Throws one ConfigError for all variables of all its processes, before any of
 * them starts.
 */
export function readStartConfig(env: NodeJS.ProcessEnv): StartConfig {
  return parseConfig(startFields, env, (valid) => [
    ...combinationErrors({ ...valid, VIDEO_PUBLIC_URL: videoUrls(valid).VIDEO_PUBLIC_URL }),
    ...videosFolderErrors(valid),
  ]);
}

/** Returns the environment of the services: the given one, with the values that this program decides. */
export function serviceEnvironment(
  env: NodeJS.ProcessEnv,
  config: StartConfig,
  urls: { database: string; queue: string },
): NodeJS.ProcessEnv & { VIDEO_SERVER: string } {
  const decided = {
    ...videoUrls(config),
    DATABASE_URL: urls.database,
    QUEUE_URL: urls.queue,
    HOST: '127.0.0.1',
    AUTH: config.AUTH,
    PORT: String(config.PORT),
    VIDEO_PORT: String(config.VIDEO_PORT),
    LOG_LEVEL: config.LOG_LEVEL,
  };
  // A variable must not be set both ways.
  const others = Object.entries(env).filter(([name]) => !(name.endsWith('_FILE') && name.slice(0, -5) in decided));
  return { ...Object.fromEntries(others), ...decided };
}

/** Returns the video server's origins for the worker and for browsers. */
function videoUrls(config: Partial<StartConfig>) {
  const server = config.VIDEO_SERVER ?? `http://127.0.0.1:${config.VIDEO_PORT ?? 8080}`;
  // Another host name than the api's: browsers send its cookie to every port of 127.0.0.1.
  const forBrowsers = server.replace(/(?<=\/\/)127\.0\.0\.1(?=[:/]|$)/, 'localhost');
  return { VIDEO_SERVER: server, VIDEO_PUBLIC_URL: config.VIDEO_PUBLIC_URL ?? forBrowsers };
}

function videosFolderErrors({ VIDEO_SERVER, VIDEOS_DIR }: Partial<StartConfig>): string[] {
  if (VIDEO_SERVER !== undefined || VIDEOS_DIR === undefined) return [];
  if (statSync(VIDEOS_DIR, { throwIfNoEntry: false })?.isDirectory()) return [];
  return [`VIDEOS_DIR: there is no folder of videos at ${VIDEOS_DIR}`];
}
