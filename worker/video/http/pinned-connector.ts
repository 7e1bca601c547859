import { Socket } from 'node:net';
import { buildConnector } from 'undici';
import { RedirectRefused } from '../../errors.ts';

/** In PEM. */
export type Tls = { ca?: string | undefined; cert?: string | undefined; key?: string | undefined };

export type PinnedConnector = {
  connect: buildConnector.connector;
  /** True while a new connection is handed to undici, which then writes the first request to it synchronously. */
  readonly handingOver: boolean;
  /** Destroys sockets that are still connecting: undici would wait for their timeout. */
  close(): void;
};

/**
 * Connects to this origin only: any other scheme, host, port or socket path fails with RedirectRefused. The host name is
 * resolved as part of connecting, so no second lookup can return a different address. Proxies from the environment are
 * not used. TLS uses Node's default certificate authorities, NODE_EXTRA_CA_CERTS included, unless `tls.ca` replaces them.
 */
export function createPinnedConnector(origin: URL, timeoutMs: number, tls: Tls = {}): PinnedConnector {
  // HTTP/1.1 only: one response per connection, so aborting one ends exactly that one.
  const connectAnywhere = buildConnector({ timeout: timeoutMs, allowH2: false, ...tls });
  const hostname = origin.hostname.replace(/^\[(.*)\]$/, '$1');
  const connecting = new Set<Socket>();
  let handingOver = false;
  const connect: buildConnector.connector = (target, callback) => {
    const isOrigin =
      target.protocol === origin.protocol &&
      target.hostname === hostname &&
      target.port === origin.port &&
      !target.socketPath &&
      !target.httpSocket;
    if (!isOrigin) {
      callback(new RedirectRefused('refused to connect to an origin other than the video server'), null);
      return;
    }
    const socket: unknown = connectAnywhere(target, (...result) => {
      if (socket instanceof Socket) connecting.delete(socket);
      handingOver = true;
      try {
        callback(...result);
      } finally {
        handingOver = false;
      }
    });
    if (socket instanceof Socket) connecting.add(socket);
    // Undeclared in undici's types, yet undici uses it to cancel a connection that no request waits for.
    return socket;
  };
  return {
    connect,
    get handingOver() {
      return handingOver;
    },
    close() {
      for (const socket of connecting) socket.destroy();
    },
  };
}
