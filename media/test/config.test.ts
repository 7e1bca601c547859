import { describe, expect, it } from 'vitest';
import { parseConfig } from '#config/parse.ts';
import { mediaFields, storageLocation } from '../config.ts';

describe('MEDIA_URL', () => {
  it.each([
    ['file:///media', { kind: 'file', folder: new URL('file:///media') }],
    ['file:///a%20b/c/', { kind: 'file', folder: new URL('file:///a%20b/c/') }],
    ['s3://archive', { kind: 's3', source: 'archive', prefix: '' }],
    ['s3://archive/', { kind: 's3', source: 'archive', prefix: '' }],
    ['s3://archive/alerts/v1', { kind: 's3', source: 'archive', prefix: 'alerts/v1/' }],
  ])('is %s', (url, expected) => {
    expect(storageLocation(url)).toEqual(expected);
    expect(parseConfig(mediaFields, { MEDIA_URL: url })).toEqual({ PICTURES: 'on', MEDIA_URL: url });
  });

  it.each([
    ...['/media', 'file://media', 'file:///', 'file://host/media', 'file:///media?x', 'file:///a%2fb', 'http://a/b'],
    ...['s3://', 's3:///a', 's3://Archive', 's3://a/../b', 's3://a/./b', 's3://a//b', 's3://a/b?c'],
  ])('is not %s', (url) => {
    expect(() => parseConfig(mediaFields, { MEDIA_URL: url })).toThrow('MEDIA_URL: must be file:///');
  });

  it.each(['', 'x', 'A'.repeat(44), `${'A'.repeat(43)}=,`])('LINK_KEYS is not %j', (keys) => {
    if (keys === '') return expect(parseConfig(mediaFields, { LINK_KEYS: keys })).toEqual({ PICTURES: 'on' });
    expect(() => parseConfig(mediaFields, { LINK_KEYS: keys })).toThrow('LINK_KEYS: must be comma-separated keys');
  });
});
