import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { databaseUrlField } from '../database-url.ts';
import { describeConfig } from '../describe.ts';
import { duration, wholeNumber } from '../fields.ts';

const describeOne = (name: string, field: z.ZodType, env: Record<string, string> = {}) =>
  describeConfig({ [name]: field }, env)[0];
const shown = (name: string, text: string) => describeOne(name, z.string(), { [name]: text })?.value;

describe('describeConfig', () => {
  it.each([
    [wholeNumber(0, 9).prefault('5'), '5'],
    [duration('1s', '10m').prefault('5s'), '5s'],
    [z.enum(['on', 'off']).default('on'), 'on'],
    [
      z
        .string()
        .default('')
        .transform((text) => text.split(',')),
      null,
    ],
    [databaseUrlField.optional(), null],
    [
      z
        .string()
        .transform((text) => text.split(','))
        .optional(),
      null,
    ],
  ])('shows the default as it is written', (field, value) => {
    expect(describeOne('A', field)).toEqual({ name: 'A', value, origin: 'default', file: null, hidden: false });
  });

  it('names the origin of each value; an empty value counts as unset', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'describe-')), 'url');
    writeFileSync(file, 'postgres://app:s3cret@db/alerts\n');
    const fields = { C: z.string().default('x'), B: z.string(), A: z.string() };
    expect(describeConfig(fields, { A_FILE: file, B: '8000', C: '' })).toEqual([
      { name: 'A', value: 'postgres://app:***@db/alerts', origin: 'file', file, hidden: true },
      { name: 'B', value: '8000', origin: 'environment', file: null, hidden: false },
      { name: 'C', value: 'x', origin: 'default', file: null, hidden: false },
    ]);
    writeFileSync(file, 's3cret');
    expect(describeConfig(fields, { A_FILE: file })[0]?.value).toBe('***');
  });

  it.each([
    ['postgres://app:p@ss:w@db:5432/a?sslmode=require', 'postgres://app:***@db:5432/a?sslmode=require'],
    ['postgres://app:s3cret@a:5432,b:5432/alerts', 'postgres://app:***@a:5432,b:5432/alerts'],
    ['postgres://db/alerts?user=app&password=s3cret', 'postgres://db/alerts?user=app&password=***'],
    ['postgres://db/alerts?p%61ssword=s3cret', 'postgres://db/alerts?p%61ssword=***'],
    ['redis://:s3cret@redis:6379/0', 'redis://:***@redis:6379/0'],
    [
      'redis+sentinel://u:s3cret@a,b/name/0?sentinel_username=u&sentinel_password=s3cret',
      'redis+sentinel://u:***@a,b/name/0?sentinel_username=u&sentinel_password=***',
    ],
    ['https://s3cret@collector.example.com/v1', 'https://***@collector.example.com/v1'],
    ['https://a.example/x?api_key=s3cret', 'https://a.example/x?api_key=***'],
    ['https://u:s3/cret@a.example', 'https://***'],
    ['https://alerts.example.com', 'https://alerts.example.com'],
  ])('hides the secrets of %s', (url, expected) => {
    expect(shown('SOME_URL', url)).toBe(expected);
  });

  it.each(['SECRETS_KEY', 'LINK_KEYS', 'OTEL_EXPORTER_OTLP_HEADERS', 'S3_SECRET', 'API_TOKEN', 'SMTP_PASSWORD'])(
    'hides %s',
    (name) => expect(describeOne(name, z.string(), { [name]: 's3cret' })).toMatchObject({ value: '***', hidden: true }),
  );

  it('shows numbers, such as RATE_LIMIT_PER_KEY', () => expect(shown('RATE_LIMIT_PER_KEY', '30000')).toBe('30000'));
});
