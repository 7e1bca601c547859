import { Socket } from 'node:net';
import { type ConnectionOptions, checkServerIdentity } from 'node:tls';
import type pg from 'pg';
import { hostsOf } from '#config/database-url.ts';
import { Servers } from './servers.ts';

/** What pg passes to the function that opens its sockets; it reads `ssl` afterwards. */
type SocketConfig = { ssl?: boolean | ConnectionOptions };

/**
 * Returns the settings that connect a client or a pool to the primary of a value of `databaseUrlField`. With several hosts,
 * its connections are closed once another server is the primary.
 */
export function connectionTo(url: string): { connectionString: string } & Pick<pg.PoolConfig, 'stream'> {
  if (hostsOf(url).length === 1) return { connectionString: url };
  // pg has no support for several hosts. All of its clients, those of BullMQ too, open their sockets through this function.
  return { connectionString: url, stream: (config?: SocketConfig) => openSocket(serversOf(url), config) };
}

const servers = new Map<string, Servers>();

/** All pools of a process share the checks. */
function serversOf(url: string): Servers {
  const { username, pathname } = new URL(url);
  const key = JSON.stringify([username, hostsOf(url), pathname]);
  const found = servers.get(key) ?? new Servers(url);
  servers.set(key, found);
  return found;
}

/** Returns a socket whose `connect` connects to the primary, whatever its arguments are. */
function openSocket(servers: Servers, config: SocketConfig | undefined): Socket {
  const socket = new Socket();
  const connect: Socket['connect'] = socket.connect.bind(socket);
  let host = '';
  socket.connect = () => {
    servers.primaryFor(socket).then(
      (primary) => {
        host = primary.host;
        if (!socket.destroyed) connect(primary.port, primary.host);
      },
      (error: Error) => socket.destroy(error),
    );
    return socket;
  };
  if (config?.ssl) config.ssl = checkedFor(config.ssl === true ? {} : config.ssl, () => host);
  return socket;
}

/** Returns the settings with a check of the certificate for the server in use; pg would check it for the first one of the URL. */
function checkedFor(ssl: ConnectionOptions, host: () => string): ConnectionOptions {
  return {
    checkServerIdentity: (_name, certificate) => checkServerIdentity(host(), certificate),
    ...ssl,
    // pg hides the key from enumeration.
    ...(ssl.key !== undefined && { key: ssl.key }),
  };
}
