import { describe, expect, it } from 'vitest';
import { isRedis, parseRedisUrl, redisHostsOf } from '../address.ts';
import { keyPrefix } from '../connection.ts';

describe('parseRedisUrl', () => {
  it('leaves the URL of a single server to ioredis', () => {
    const url = 'rediss://user:secret@host:6380/2';
    expect(parseRedisUrl(url)).toEqual({ kind: 'server', url });
    expect(() => parseRedisUrl('redis://host:port')).toThrow('must be a URL like redis://host:6379');
  });

  it('reads hosts, primary, database and logins of sentinels', () => {
    expect(parseRedisUrl('redis+sentinel://s1,s2:26380,[::1]:26381/alerts')).toEqual({
      kind: 'sentinel',
      options: {
        sentinels: [
          { host: 's1', port: 26_379 },
          { host: 's2', port: 26_380 },
          { host: '::1', port: 26_381 },
        ],
        name: 'alerts',
        db: 0,
      },
    });
    const withLogins =
      'rediss+sentinel://al%65rts:p%40ss@s1/my%20primary/3?sentinel_username=su&sentinel_password=s%26p';
    expect(parseRedisUrl(withLogins)).toMatchObject({
      options: {
        ...{ name: 'my primary', db: 3, username: 'alerts', password: 'p@ss' },
        ...{ sentinelUsername: 'su', sentinelPassword: 's&p' },
        ...{ tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true },
      },
    });
  });

  it('reads hosts and login of a cluster', () => {
    expect(parseRedisUrl('redis+cluster://:secret@n1,n2:7001')).toEqual({
      kind: 'cluster',
      nodes: [
        { host: 'n1', port: 6_379 },
        { host: 'n2', port: 7_001 },
      ],
      options: { password: 'secret' },
    });
    expect(parseRedisUrl('rediss+cluster://user:secret@n1')).toMatchObject({
      options: { username: 'user', password: 'secret', tls: {} },
    });
  });

  it.each([
    ['redis+sentinel://s1,s2', 'needs the name of the primary after the hosts, as in …/mymaster'],
    ['redis+sentinel://s1/alerts/one', 'needs the name of the primary'],
    ['redis+sentinel://:s3cret@s1:99999/alerts', 'has an invalid host or port'],
    ['redis+sentinel://user:s3cret/x@s1/alerts', 'must be a URL like redis+sentinel://'],
    ['redis+cluster://user:12/s3cret@n1', 'must be a URL like redis+sentinel://'],
    ['redis+sentinel://s1,,s2/alerts', 'has an invalid host or port'],
    ['redis+sentinel://s1/alerts?password=s3cret', 'has an unknown parameter: password'],
    ['redis+cluster://:s3cret@n1/1', 'has a path: a cluster has only one database'],
    ['redis+cluster://', 'must be a URL like redis+sentinel://host1,host2,host3/name or redis+cluster://'],
  ])('rejects %s without its password', (url, message) => {
    expect(() => parseRedisUrl(url)).toThrow(message);
    expect(() => parseRedisUrl(url)).not.toThrow(/s3cret/);
  });
});

it('knows the URLs of Redis, their hosts, and the start of the keys', () => {
  const urls = ['redis://h', 'rediss://h', 'redis+sentinel://a,b/n', 'rediss+cluster://a,b'];
  expect(urls.map(isRedis)).toEqual([true, true, true, true]);
  expect(['postgres://h/redis://', 'redis+other://h', 'xredis://h'].map(isRedis)).toEqual([false, false, false]);
  expect(
    ['redis://:s3cret@h:1/2', 'redis+sentinel://u:s3cret@a:1,b:2/n', 'postgres://u:s3cret@h:5/d'].map(redisHostsOf),
  ).toEqual(['h:1', 'a:1,b:2', 'h:5']);
  expect(urls.map(keyPrefix)).toEqual(['bull', 'bull', '{alerts}', '{alerts}']);
});
