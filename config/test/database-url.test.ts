import { describe, expect, it } from 'vitest';
import { addressOf, databaseUrlField, hostsOf, toOneHost } from '../database-url.ts';
import { directUrl, isPooled } from '../fields.ts';

const parseUrl = (url: string) => databaseUrlField.parse(url);

describe('a database URL', () => {
  it.each([
    'postgres://alerts:pw@127.0.0.1:5432/alerts',
    'postgresql://alerts@db/alerts?sslmode=verify-full',
    'postgres:///alerts?host=/run/postgresql',
  ])('with one host stays as it is: %s', (url) => {
    expect(parseUrl(url)).toBe(url);
  });

  it.each([
    ['postgres://u:p%40,w@a:5432,b:5433/x?target_session_attrs=read-write', ['a:5432', 'b:5433'], 'a:5432, b:5433'],
    ['postgres://u@a,b,c/x', ['a:5432', 'b:5432', 'c:5432'], 'a, b, c'],
    [
      'postgresql://u@[::1]:6000,[fe80::1]/x?target_session_attrs=primary',
      ['::1:6000', 'fe80::1:5432'],
      '[::1]:6000, [fe80::1]',
    ],
  ])('with several hosts names all of them: %s', (url, hosts, address) => {
    const value = parseUrl(url);
    expect(hostsOf(value).map(({ host, port }) => `${host}:${port}`)).toEqual(hosts);
    expect(addressOf(value)).toBe(address);
    expect(new URL(value).searchParams.has('target_session_attrs')).toBe(false);
    // npm start passes the value on.
    expect(parseUrl(value)).toBe(value);
  });

  it('keeps user, password, database and other parameters', () => {
    const url = new URL(parseUrl('postgres://u:p%2Cw@a:1,b:2/x?sslmode=verify-full'));
    expect([url.username, url.password, url.pathname]).toEqual(['u', 'p%2Cw', '/x']);
    expect(url.searchParams.get('sslmode')).toBe('verify-full');
  });

  it.each([
    'mysql://u:s3cret@a/x',
    'postgres://u:s3cret@a:5432,/x',
    'postgres://u:s3cret@a:5432,b:port/x',
    'postgres://u:s3cret@a,b c/x',
    'postgres://u:s3cret@a,b/x?target_session_attrs=standby',
    's3cret',
  ])('is refused without its password in the message: %s', (url) => {
    const { error } = databaseUrlField.safeParse(url);
    expect(error?.issues.map(({ message }) => message)).toEqual([
      'must be a URL like postgres://user:password@host:5432/name',
    ]);
  });

  it('of Redis is not changed', () => {
    expect(toOneHost('redis://a,b')).toBe('redis://a,b');
    expect(toOneHost(undefined)).toBeUndefined();
  });
});

it('DATABASE_DIRECT_URL makes DATABASE_URL that of a pooler', () => {
  const pooled = { DATABASE_URL: 'postgres://pooler', DATABASE_DIRECT_URL: 'postgres://server' };
  expect([directUrl(pooled), isPooled(pooled)]).toEqual(['postgres://server', true]);
  expect([directUrl({ DATABASE_URL: 'postgres://server' }), isPooled({})]).toEqual(['postgres://server', false]);
});
