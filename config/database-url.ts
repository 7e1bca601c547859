import { z } from 'zod';

/** A server of a database URL. IPv6 addresses have no brackets. */
export type DatabaseHost = { host: string; port: number };

const DEFAULT_PORT = 5_432;
/** Scheme; user and password; hosts; the rest. */
const PARTS = /^(postgres(?:ql)?:\/\/)([^/?#]*@)?([^/?#@]*)(.*)$/s;
const HOST = /^(?:\[[\da-f:.]+\]|[\w.-]+)(?::\d{1,5})?$/i;

/**
 * The URL of a PostgreSQL database. Several hosts, `postgres://user:password@a:5432,b:5432/name`, are those of one primary and
 * its standbys. The value is a URL of the first one that lists all of them as `hosts`, because a URL has one host only.
 */
export const databaseUrlField = z.preprocess(
  toOneHost,
  z.url({
    protocol: /^postgres(ql)?$/,
    error: 'must be a URL like postgres://user:password@host:5432/name',
  }),
);

/**
 * Returns a PostgreSQL URL of several hosts as one of its first host with the parameter `hosts`; other values as they are. A
 * URL whose hosts are invalid, or whose `target_session_attrs` is not about the primary, becomes an invalid one.
 */
export function toOneHost(value: unknown): unknown {
  const [, scheme, user = '', hosts = '', rest = ''] =
    typeof value === 'string' ? (PARTS.exec(value.trim()) ?? []) : [];
  if (scheme === undefined || !hosts.includes(',')) return value;
  const list = hosts.split(',');
  const url = `${scheme}${user}${list[0]}${rest}`;
  if (!list.every((host) => HOST.test(host)) || !URL.canParse(url)) return '';
  const oneHost = new URL(url);
  const wanted = oneHost.searchParams.get('target_session_attrs') ?? 'read-write';
  if (!['read-write', 'primary'].includes(wanted)) return '';
  oneHost.searchParams.delete('target_session_attrs');
  oneHost.searchParams.set('hosts', list.join(','));
  return oneHost.href;
}

/** Returns the servers of a value of `databaseUrlField`, in the order of the URL. */
export function hostsOf(url: string): DatabaseHost[] {
  const { host, searchParams } = new URL(url);
  return (searchParams.get('hosts') ?? host).split(',').map(parseHost);
}

/** Returns the servers of a value of `databaseUrlField` for messages: without user, password and parameters. */
export function addressOf(url: string): string {
  return (new URL(url).searchParams.get('hosts') ?? new URL(url).host).replaceAll(',', ', ');
}

function parseHost(text: string): DatabaseHost {
  const [, address, name = '', port = DEFAULT_PORT] = /^(?:\[(.*)\]|([^:]*))(?::(\d+))?$/.exec(text) ?? [];
  return { host: address ?? name, port: Number(port) };
}
