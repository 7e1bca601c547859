import { describe, expect, it } from 'vitest';
import { ConfigError } from '#config/parse.ts';
import { readApiConfig } from '../config.ts';

const read = (env: Record<string, string>) => readApiConfig({ DATABASE_URL: 'postgres://a@127.0.0.1/a', ...env });

describe('VIDEO_PUBLIC_URL', () => {
  it.each([
    [
      'the address that the api listens on by default',
      { VIDEO_PUBLIC_URL: 'http://127.0.0.1:8080' },
      'http://localhost:8080',
    ],
    ['HOST', { HOST: 'localhost', VIDEO_PUBLIC_URL: 'http://localhost:9000' }, 'http://127.0.0.1:9000'],
    ['HOST, as IPv6', { HOST: '::1', VIDEO_PUBLIC_URL: 'http://[::1]:8080' }, 'http://localhost:8080'],
    ['HOST, as a name', { HOST: 'a.example', VIDEO_PUBLIC_URL: 'https://a.example' }, 'https://videos.example.com'],
    [
      'PUBLISHED_ON',
      { HOST: '0.0.0.0', PUBLISHED_ON: '127.0.0.1', VIDEO_PUBLIC_URL: 'http://127.0.0.1:8080' },
      'http://localhost:8080',
    ],
  ])('must not be on %s', (_what, env, suggestion) => {
    const error = (() => {
      try {
        read(env);
      } catch (error) {
        return error;
      }
    })();
    expect(error).toBeInstanceOf(ConfigError);
    expect(String(error)).toContain('browsers send the login cookie to every port of a host');
    expect(String(error)).toContain(`such as ${suggestion}`);
  });

  it('may be on any other host', () => {
    expect(read({ VIDEO_PUBLIC_URL: 'http://localhost:8080' }).VIDEO_PUBLIC_URL).toBe('http://localhost:8080');
    expect(read({ HOST: '0.0.0.0', VIDEO_PUBLIC_URL: 'http://127.0.0.1:8080' }).HOST).toBe('0.0.0.0');
    expect(read({}).VIDEO_PUBLIC_URL).toBeUndefined();
  });
});

it('reports forbidden combinations together with invalid variables', () => {
  const env = { PORT: 'http', AUTH: 'off', HOST: '0.0.0.0', PUBLISHED_ON: '10.0.0.1' };
  expect(() => read({ ...env, VIDEO_PUBLIC_URL: 'http://0.0.0.0:1' })).toThrow(
    /^Invalid configuration:\n {2}PORT: .+\n {2}AUTH: off .+\n {2}VIDEO_PUBLIC_URL: 0\.0\.0\.0 .+$/,
  );
});
