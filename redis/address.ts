type Host = { host: string; port: number };

// The names are those of ioredis.
type Login = { username?: string; password?: string; tls?: object };
type SentinelLogin = { sentinelUsername?: string; sentinelPassword?: string; sentinelTLS?: object };
type Sentinels = { sentinels: Host[]; name: string; db: number; enableTLSForSentinelMode?: boolean };

/** Where the queue's Redis is: at one URL, where its sentinels say, or on the nodes of a cluster. */
export type RedisAddress =
  | { kind: 'server'; url: string }
  | { kind: 'sentinel'; options: Sentinels & Login & SentinelLogin }
  | { kind: 'cluster'; nodes: Host[]; options: Login };

const SCHEME = /^rediss?(\+(sentinel|cluster))?:\/\//;
const SEVERAL_HOSTS =
  /^(?<scheme>rediss?)\+(?<kind>sentinel|cluster):\/\/(?:(?<login>[^@/]*)@)?(?<hosts>[^/?#@]+)(?:\/(?<path>[^?#@]*))?(?:\?(?<query>[^#]*))?$/;
const HOST = /^(?<host>\[[0-9a-f:.]+\]|[^:[\]\s]+)(?::(?<port>\d{1,5}))?$/i;
const DEFAULT_PORTS = { sentinel: 26_379, cluster: 6_379 };
const SENTINEL_LOGIN = ['sentinel_username', 'sentinel_password'];

/** Returns whether the queue is on Redis; otherwise it is on PostgreSQL. */
export function isRedis(url: string): boolean {
  return SCHEME.test(url);
}

/**
 * Reads a URL of Redis. Several hosts are separated by commas. Throws a sentence without the password if it is not valid.
 *
 * `redis+sentinel://user:password@host:26379,…/name/0?sentinel_username=…&sentinel_password=…`: the name of the primary and the
 * number of the database. `redis+cluster://user:password@host:6379,…`. With `rediss+…`, all connections use TLS.
 */
export function parseRedisUrl(url: string): RedisAddress {
  if (!SCHEME.exec(url)?.[1]) {
    if (!URL.canParse(url)) throw new Error('must be a URL like redis://host:6379');
    return { kind: 'server', url };
  }
  const { scheme, kind, login = '', hosts = '', path = '', query } = SEVERAL_HOSTS.exec(url)?.groups ?? {};
  if (kind !== 'sentinel' && kind !== 'cluster') {
    throw new Error('must be a URL like redis+sentinel://host1,host2,host3/name or redis+cluster://host1,host2,host3');
  }
  const tls = scheme === 'rediss' ? { tls: {} } : {};
  const nodes = hosts.split(',').map((host) => parseHost(host, DEFAULT_PORTS[kind]));
  const parameters = new URLSearchParams(query);
  const known = kind === 'sentinel' ? SENTINEL_LOGIN : [];
  const unknown = [...parameters.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`has an unknown parameter: ${unknown}`);
  if (kind === 'cluster') {
    if (path !== '') throw new Error('has a path: a cluster has only one database');
    return { kind, nodes, options: { ...parseLogin(login), ...tls } };
  }
  const [, name, db = '0'] = /^([^/]+)(?:\/(\d+))?$/.exec(path) ?? [];
  if (name === undefined) throw new Error('needs the name of the primary after the hosts, as in …/mymaster');
  const username = parameters.get('sentinel_username');
  const password = parameters.get('sentinel_password');
  return {
    kind,
    options: {
      sentinels: nodes,
      name: decodeURIComponent(name),
      db: Number(db),
      ...parseLogin(login),
      ...(username === null ? {} : { sentinelUsername: username }),
      ...(password === null ? {} : { sentinelPassword: password }),
      ...(scheme === 'rediss' ? { ...tls, sentinelTLS: {}, enableTLSForSentinelMode: true } : {}),
    },
  };
}

/** Returns the hosts of a URL of Redis, without its password, for messages. */
export function redisHostsOf(url: string): string {
  return SEVERAL_HOSTS.exec(url)?.groups?.hosts ?? new URL(url).host;
}

function parseHost(text: string, defaultPort: number): Host {
  const { host, port } = HOST.exec(text)?.groups ?? {};
  // Without the text: it is a part of the password if that contains a character that is not encoded.
  if (host === undefined || Number(port) > 65_535) throw new Error('has an invalid host or port');
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port ?? defaultPort) };
}

function parseLogin(login: string): Login {
  const colon = login.indexOf(':');
  const username = decodeURIComponent(colon < 0 ? login : login.slice(0, colon));
  const password = colon < 0 ? '' : decodeURIComponent(login.slice(colon + 1));
  return { ...(username && { username }), ...(password && { password }) };
}
