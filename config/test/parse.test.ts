import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { z } from 'zod';
import { databaseFields, duration, logFields, wholeNumber } from '../fields.ts';
import { ConfigError, parseConfig } from '../parse.ts';

const SECRET = 's3cret';

function fileWith(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'config-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'value'), text);
  return join(folder, 'value');
}

/** Returns the message of the ConfigError that these variables cause. */
function errorOf(fields: z.ZodRawShape, env: Record<string, string | undefined>): string {
  try {
    parseConfig(fields, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('these variables are valid');
}

describe('parseConfig', () => {
  const fields = { ...databaseFields, ...logFields, PORT: wholeNumber(0, 65_535) };
  const DATABASE_URL = `postgres://alerts:${SECRET}@127.0.0.1:5432/alerts`;

  it('returns parsed values, and defaults for unset variables', () => {
    expect(parseConfig(fields, { DATABASE_URL, PORT: '8000', HOME: '/' })).toEqual({
      DATABASE_URL,
      PORT: 8000,
      LOG_LEVEL: 'info',
    });
  });

  it('reports all errors at once, one line each, and never a value', () => {
    const message = errorOf(fields, { DATABASE_URL: `http://${SECRET}`, LOG_LEVEL: SECRET });
    expect(message.split('\n')).toEqual([
      'Invalid configuration:',
      '  DATABASE_URL: must be a URL like postgres://user:password@host:5432/name',
      '  LOG_LEVEL: must be trace, debug, info, warn, error, fatal or silent',
      '  PORT: is required and not set',
    ]);
  });

  it('reports forbidden combinations together with the errors of other variables', () => {
    const check = ({ PORT, LOG_LEVEL }: { PORT?: number; LOG_LEVEL?: string }) => [
      `PORT: ${PORT} must not be combined with LOG_LEVEL ${LOG_LEVEL}`,
    ];
    expect(() => parseConfig(fields, { PORT: '7', LOG_LEVEL: 'loud' }, check)).toThrow(
      new ConfigError([
        'DATABASE_URL: is required and not set',
        'LOG_LEVEL: must be trace, debug, info, warn, error, fatal or silent',
        'PORT: 7 must not be combined with LOG_LEVEL undefined',
      ]),
    );
    expect(() => parseConfig(fields, { DATABASE_URL, PORT: '7' }, check)).toThrow(
      new ConfigError(['PORT: 7 must not be combined with LOG_LEVEL info']),
    );
    expect(parseConfig(fields, { DATABASE_URL, PORT: '7' }, () => [])).toMatchObject({ PORT: 7 });
  });

  it('reports a single error', () => {
    expect(errorOf(fields, { DATABASE_URL })).toBe('Invalid configuration:\n  PORT: is required and not set');
  });

  it('counts an empty value as unset', () => {
    expect(parseConfig(fields, { DATABASE_URL, PORT: '1', LOG_LEVEL: '', PORT_FILE: '' })).toMatchObject({
      LOG_LEVEL: 'info',
      PORT: 1,
    });
    expect(errorOf(fields, { DATABASE_URL, PORT: '' })).toContain('PORT: is required and not set');
  });

  it('reads a value from the file that NAME_FILE names, without its trailing newline', () => {
    const config = parseConfig(fields, { DATABASE_URL_FILE: fileWith(`${DATABASE_URL}\n`), PORT: '1' });
    expect(config.DATABASE_URL).toBe(DATABASE_URL);
  });

  it('counts an empty file as unset', () => {
    const LOG_LEVEL_FILE = fileWith('\n');
    expect(parseConfig(fields, { DATABASE_URL, PORT: '1', LOG_LEVEL_FILE })).toMatchObject({ LOG_LEVEL: 'info' });
    expect(errorOf(fields, { DATABASE_URL_FILE: LOG_LEVEL_FILE, PORT: '1' })).toContain(
      'DATABASE_URL: is required and not set',
    );
  });

  it('does not reveal the content of a file whose value is invalid', () => {
    const message = errorOf(fields, { DATABASE_URL_FILE: fileWith(`http://${SECRET}`), PORT: '1' });
    expect(message).toContain('DATABASE_URL: must be a URL');
    expect(message).not.toContain(SECRET);
  });

  it('rejects a variable that is set both ways, and reports nothing else about it', () => {
    const message = errorOf(fields, { DATABASE_URL, DATABASE_URL_FILE: '/x', PORT: '1' });
    expect(message).toBe('Invalid configuration:\n  DATABASE_URL: set DATABASE_URL or DATABASE_URL_FILE, not both');
  });

  it('names a file that it cannot read, and the errors of other variables', () => {
    const message = errorOf(fields, { DATABASE_URL_FILE: '/nowhere', PORT: 'x' });
    expect(message.split('\n').slice(1)).toEqual([
      '  DATABASE_URL_FILE: cannot read /nowhere',
      '  PORT: must be a whole number from 0 to 65535',
    ]);
  });

  it('reports the error of a variable whose name is a prefix of another one', () => {
    const alike = { KEY: wholeNumber(0, 7), KEY_FILE_MODE: wholeNumber(0, 7) };
    const message = errorOf(alike, { KEY: 'x', KEY_FILE_MODE: '1', KEY_FILE_MODE_FILE: '/x' });
    expect(message.split('\n').slice(1)).toEqual([
      '  KEY: must be a whole number from 0 to 7',
      '  KEY_FILE_MODE: set KEY_FILE_MODE or KEY_FILE_MODE_FILE, not both',
    ]);
  });
});

describe('wholeNumber', () => {
  const port = wholeNumber(1, 65_535);

  it.each([
    ['1', 1],
    ['65535', 65_535],
    ['8000', 8_000],
  ])('accepts %j', (text, number) => {
    expect(port.parse(text)).toBe(number);
  });

  it.each([
    '0',
    '65536',
    '8e3',
    '-1',
    '+1',
    '08',
    ' 8',
    '8 ',
    '8.0',
    '0x8',
    '8_000',
    '',
    'NaN',
    'Infinity',
    '٨',
    '9'.repeat(16),
  ])('rejects %j and states the bounds', (text) => {
    expect(port.safeParse(text).error?.issues.map((issue) => issue.message)).toEqual([
      'must be a whole number from 1 to 65535',
    ]);
  });

  it('accepts zero if the range includes it', () => {
    expect(wholeNumber(0, 9).parse('0')).toBe(0);
  });
});

describe('DATABASE_URL', () => {
  it.each(['postgres://h/db', 'postgresql://u:p@h:5432/db?sslmode=require'])('accepts %s', (DATABASE_URL) => {
    expect(parseConfig(databaseFields, { DATABASE_URL })).toEqual({ DATABASE_URL });
  });

  it.each(['redis://h', 'h/db', 'xpostgres://h', 'postgres'])('rejects %s', (DATABASE_URL) => {
    expect(errorOf(databaseFields, { DATABASE_URL })).toContain('must be a URL like');
  });
});

describe('a duration', () => {
  const fields = { AFTER: duration('10s', '24h') };

  it.each([
    ['10s', 10_000],
    ['90s', 90_000],
    ['5m', 300_000],
    ['24h', 86_400_000],
  ])('may be %s', (AFTER, ms) => {
    expect(parseConfig(fields, { AFTER })).toEqual({ AFTER: ms });
  });

  it.each(['9s', '25h', '5', '5 m', '1.5h', '-5m', '05m', '5d', '0s', ' 5m'])('cannot be %j', (AFTER) => {
    expect(errorOf(fields, { AFTER })).toContain('AFTER: must be a duration from 10s to 24h, such as 90s, 5m or 24h');
  });
});
