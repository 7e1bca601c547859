import { statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { z } from 'zod';
import { apiFields, combinationErrors } from '#api/config.ts';
import { databaseFields, logFields, wholeNumber } from '#config/fields.ts';
import { type Config, parseConfig } from '#config/parse.ts';
import { workerFields } from '#worker/config.ts';
import { fileServerFields } from './file-server.ts';
import { NODE_COMPILE_CACHE, NODE_OPTIONS } from './node-settings.ts';

/** The bundled file server has no access control, so HOST does not apply to it. */
export const VIDEO_HOST = '127.0.0.1';

/** The variables of `npm start`: those of api and worker, some with other defaults, and its own. */
export const startFields = {
  ...workerFields,
  ...apiFields,
  DATABASE_URL: databaseFields.DATABASE_URL.optional(),
  PORT: wholeNumber(1, 65_535).prefault('8000'),
  VIDEO_PORT: wholeNumber(1, 65_535).prefault('8080'),
  VIDEOS_DIR: fileServerFields.VIDEOS_DIR,
  VIDEO_SERVER: workerFields.VIDEO_SERVER.unwrap().optional(),
  // By default everything here listens on the loopback address only; with another HOST, keys are required.
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
    ...databaseErrors(valid),
  ]);
}

/** Returns the environment of the services: the given one, with the values that this program decides. */
export function serviceEnvironment(
  env: NodeJS.ProcessEnv,
  config: StartConfig,
  urls: { database: string; queue: string; secretsKeyFile?: string | undefined },
): NodeJS.ProcessEnv & { VIDEO_SERVER: string } {
  const decided = {
    ...videoUrls(config),
    DATABASE_URL: urls.database,
    QUEUE_URL: urls.queue,
    HOST: config.HOST,
    AUTH: config.AUTH,
    PORT: String(config.PORT),
    PUBLIC_URL: config.PUBLIC_URL ?? apiOrigin(config),
    MEDIA_URL: config.MEDIA_URL ?? pathToFileURL(join(config.DATA_DIR, 'media')).href,
    VIDEO_PORT: String(config.VIDEO_PORT),
    OPS_PORT: env.OPS_PORT || 'off',
    LOG_LEVEL: config.LOG_LEVEL,
    // Of a key that is given, the variable is passed on.
    ...(urls.secretsKeyFile !== undefined && { SECRETS_KEY_FILE: urls.secretsKeyFile }),
  };
  // A variable must not be set both ways.
  const others = Object.entries(env).filter(([name]) => !(name.endsWith('_FILE') && name.slice(0, -5) in decided));
  return { NODE_OPTIONS, NODE_COMPILE_CACHE, ...Object.fromEntries(others), ...decided };
}

/** Returns the api's origin as this machine reaches it. */
export function apiOrigin({ HOST, PORT }: Pick<StartConfig, 'HOST' | 'PORT'>): string {
  const host = HOST === '0.0.0.0' || HOST === '::' ? '127.0.0.1' : HOST;
  return `http://${host.includes(':') ? `[${host}]` : host}:${PORT}`;
}

/** Returns the video server's origins for the worker and for browsers. */
function videoUrls(config: Partial<StartConfig>) {
  const server = config.VIDEO_SERVER ?? `http://${VIDEO_HOST}:${config.VIDEO_PORT ?? 8080}`;
  // Another host name than the api's: browsers send its cookie to every port of a host.
  const name = config.HOST === 'localhost' ? '127.0.0.1' : 'localhost';
  const forBrowsers = server.replace(/(?<=\/\/)127\.0\.0\.1(?=[:/]|$)/, name);
  return { VIDEO_SERVER: server, VIDEO_PUBLIC_URL: config.VIDEO_PUBLIC_URL ?? forBrowsers };
}

/** The embedded database has neither a pooler nor a replica. */
function databaseErrors(valid: Partial<StartConfig>): string[] {
  if (valid.DATABASE_URL !== undefined) return [];
  const given = (['DATABASE_DIRECT_URL', 'DATABASE_REPLICA_URL'] as const).filter((name) => valid[name] !== undefined);
  return given.map((name) => `${name}: needs DATABASE_URL`);
}

function videosFolderErrors({ VIDEO_SERVER, VIDEOS_DIR }: Partial<StartConfig>): string[] {
  if (VIDEO_SERVER !== undefined || VIDEOS_DIR === undefined) return [];
  if (statSync(VIDEOS_DIR, { throwIfNoEntry: false })?.isDirectory()) return [];
  return [`VIDEOS_DIR: there is no folder of videos at ${VIDEOS_DIR}`];
}
