import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { connect, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { SendError } from './kind.ts';

/** Returns every address of a host name, as getaddrinfo does: /etc/hosts and DNS. */
export type Resolve = (
  hostname: string,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

export type Target = {
  /** A host name or an IP address, IPv6 without brackets. */
  host: string;
  port: number;
  /** true: TLS from the first byte, with a verified certificate. */
  tls?: boolean | undefined;
  /** Already verified name for TLS. Default: `host`. */
  servername?: string | undefined;
};

/**
 * Opens connections to addresses that a destination may have. The check is part of the connection's own lookup: the
 * address that was checked is the one connected to, so a DNS answer that changes later has no effect.
 */
export type AddressGuard = {
  /**
   * Starts a connection. A host that may not be connected to fails with a SendError, as the socket's `error`, before any
   * packet is sent to it.
   */
  connect(target: Target): Socket;
};

const systemResolve: Resolve = (hostname, callback) => systemLookup(hostname, { all: true }, callback);

/** @param options.isBlocked whether an IP address must not be connected to. */
export function createAddressGuard(options: {
  isBlocked: (address: string) => boolean;
  resolve?: Resolve | undefined;
}): AddressGuard {
  const { isBlocked, resolve = systemResolve } = options;
  // One blocked address is enough: a name with a public and a private address is either a mistake or an attack.
  const lookup: LookupFunction = (hostname, { all }, callback) => {
    resolve(hostname, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error || !first) return callback(error ?? notFound(), '', 0);
      const blocked = addresses.find(({ address }) => isBlocked(address));
      if (blocked) return callback(addressBlocked(blocked.address), '', 0);
      return all ? callback(null, addresses) : callback(null, first.address, first.family);
    });
  };
  return {
    connect({ host, port, tls = false, servername = host }) {
      // Node skips the lookup for an IP address.
      if (isIP(host) !== 0 && isBlocked(host)) return failedSocket(addressBlocked(host));
      if (!tls) return connect({ host, port, lookup });
      const name = isIP(servername) === 0 ? { servername } : {};
      return connectTls({ host, port, lookup, ...name, rejectUnauthorized: true });
    },
  };
}

function addressBlocked(address: string): SendError {
  return new SendError(`the address ${address} is not public: allow it with DESTINATION_ALLOW_CIDRS`);
}

function notFound(): NodeJS.ErrnoException {
  return Object.assign(new Error('the host name has no address'), { code: 'ENOTFOUND' });
}

/** Returns a socket that was never connected and fails like one that could not be. */
function failedSocket(error: Error): Socket {
  // `connect` with a lookup that fails: the socket reports it in the same order of events as any failed connection.
  return connect({
    host: 'blocked.invalid',
    port: 1,
    lookup: (_hostname, _options, callback) => callback(error, '', 0),
  });
}
