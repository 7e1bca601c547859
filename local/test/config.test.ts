import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { apiOrigin, readStartConfig, serviceEnvironment } from '../config.ts';
import { NODE_COMPILE_CACHE, NODE_OPTIONS } from '../node-settings.ts';

const URLS = { database: 'postgres://a@127.0.0.1/a', queue: 'redis://127.0.0.1' };

/** Returns the environment of the services that this environment of `npm start` causes. */
function environmentOf(env: Record<string, string>): NodeJS.ProcessEnv {
  return serviceEnvironment(env, readStartConfig(env), URLS);
}

describe('the environment of the services', () => {
  it('has loopback addresses by default, and other host names for api and videos', () => {
    expect(environmentOf({})).toEqual({
      ...{ NODE_OPTIONS, NODE_COMPILE_CACHE },
      ...{ DATABASE_URL: URLS.database, QUEUE_URL: URLS.queue, HOST: '127.0.0.1', PORT: '8000', VIDEO_PORT: '8080' },
      ...{ VIDEO_SERVER: 'http://127.0.0.1:8080', VIDEO_PUBLIC_URL: 'http://localhost:8080' },
      ...{ AUTH: 'off', LOG_LEVEL: 'error', OPS_PORT: 'off', PUBLIC_URL: 'http://127.0.0.1:8000' },
      MEDIA_URL: pathToFileURL(fileURLToPath(new URL('../../data/media', import.meta.url))).href,
    });
    expect(environmentOf({ NODE_OPTIONS: '--trace-gc' }).NODE_OPTIONS).toBe('--trace-gc');
    expect(environmentOf({ MEDIA_URL: 'file:///m' }).MEDIA_URL).toBe('file:///m');
    expect(environmentOf({ DATA_DIR: '/a b' }).MEDIA_URL).toBe('file:///a%20b/media');
    expect(environmentOf({ PUBLIC_URL: 'https://a.example' }).PUBLIC_URL).toBe('https://a.example');
    expect(environmentOf({ HOST: 'localhost' }).VIDEO_PUBLIC_URL).toBe('http://127.0.0.1:8080');
    expect(environmentOf({ VIDEO_SERVER: 'http://127.0.0.1' }).VIDEO_PUBLIC_URL).toBe('http://localhost');
  });

  it('has the given HOST, and any address only with keys', () => {
    expect(environmentOf({ HOST: '127.0.0.2' }).HOST).toBe('127.0.0.2');
    expect(environmentOf({ HOST: '0.0.0.0', AUTH: 'keys' }).HOST).toBe('0.0.0.0');
    expect(() => environmentOf({ HOST: '0.0.0.0' })).toThrow('AUTH: off accepts requests from everyone');
  });

  it('has the file of SECRETS_KEY, unless the key is given', () => {
    const urls = { ...URLS, secretsKeyFile: '/data/secrets_key' };
    const of = (env: Record<string, string>) => serviceEnvironment(env, readStartConfig(env), urls);
    expect(of({}).SECRETS_KEY_FILE).toBe('/data/secrets_key');
    const SECRETS_KEY = Buffer.alloc(32, 7).toString('base64');
    const given = environmentOf({ SECRETS_KEY });
    expect([given.SECRETS_KEY, given.SECRETS_KEY_FILE]).toEqual([SECRETS_KEY, undefined]);
    expect(() => of({ SECRETS_KEY: 'short' })).toThrow('SECRETS_KEY: must be 32 bytes in base64');
  });

  it('has no pooler and no replica of the embedded database', () => {
    const url = 'postgres://alerts@127.0.0.1/alerts';
    expect(() => environmentOf({ DATABASE_DIRECT_URL: url, DATABASE_REPLICA_URL: url })).toThrow(
      'DATABASE_DIRECT_URL: needs DATABASE_URL\n  DATABASE_REPLICA_URL: needs DATABASE_URL',
    );
    const DATABASE_URL = 'postgres://alerts@a:5432,b:5432/alerts';
    expect(environmentOf({ DATABASE_URL, DATABASE_DIRECT_URL: url })).toMatchObject({ DATABASE_DIRECT_URL: url });
  });

  it('has other variables as given, and none of those that are decided in a file', () => {
    const env = environmentOf({ QUEUE_URL_FILE: '', MAX_HELD: '7', FFPROBE_PATH_FILE: '/dev/null', HOME: '/x' });
    expect(env).toMatchObject({ MAX_HELD: '7', FFPROBE_PATH_FILE: '/dev/null', HOME: '/x' });
    expect(env).not.toHaveProperty('QUEUE_URL_FILE');
  });
});

it.each([
  ['127.0.0.2', 'http://127.0.0.2:8000'],
  ['0.0.0.0', 'http://127.0.0.1:8000'],
  ['::', 'http://127.0.0.1:8000'],
  ['::1', 'http://[::1]:8000'],
])('the api on HOST=%s is reached at %s', (HOST, origin) => {
  expect(apiOrigin({ HOST, PORT: 8000 })).toBe(origin);
});
