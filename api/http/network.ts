import { isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';

/**
 * Returns what an address is counted as. One customer owns a whole IPv6 network: at least a /64, the smallest that
 * providers assign. An IPv4-mapped IPv6 address counts as its IPv4 address.
 */
export function networkOf(address: string | undefined): string {
  if (address === undefined) return 'unknown';
  if (!isIPv6(address)) return address;
  const [withoutZone = ''] = address.split('%', 1); // ipaddr.js rejects a zone such as eth0.1
  const parsed = ipaddr.process(withoutZone);
  if (!(parsed instanceof ipaddr.IPv6)) return parsed.toString();
  const network = parsed.parts.slice(0, 4).map((part) => part.toString(16));
  return `${network.join(':')}::/64`;
}
