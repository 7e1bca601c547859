import ipaddr from 'ipaddr.js';
import { z } from 'zod';

type Address = ipaddr.IPv4 | ipaddr.IPv6;
export type Cidr = [Address, number];

/** Ranges that ipaddr.js calls unicast, although they are not part of the public internet. */
const MORE_BLOCKED = [
  '::/96',
  '64:ff9b:1::/48',
  '2001::/23',
  '2001:db8::/32',
  '3fff::/20',
  '5f00::/16',
  'fec0::/10',
].map((text) => ipaddr.parseCIDR(text));

/**
 * DESTINATION_ALLOW_CIDRS: networks that deliveries may reach although their addresses are not public, separated by commas.
 */
export const allowedCidrsField = z
  .string()
  .default('')
  .transform((text, context) => {
    const cidrs: Cidr[] = [];
    for (const part of text.split(',').map((each) => each.trim())) {
      if (part === '') continue;
      const fourPart = part.includes(':') || /^\d+\.\d+\.\d+\.\d+(\/|$)/.test(part); // ipaddr.js takes 10.1 as 10.0.0.1
      if (fourPart && ipaddr.isValidCIDR(part)) cidrs.push(ipaddr.parseCIDR(part));
      else if (fourPart && ipaddr.isValid(part)) cidrs.push([ipaddr.parse(part), part.includes(':') ? 128 : 32]);
      else context.addIssue({ code: 'custom', message: 'must be CIDRs like 10.0.0.0/8, separated by commas' });
    }
    return cidrs;
  });

/**
 * Returns whether deliveries must not connect to this IP address: it is not public, and no allowed network contains it. An
 * IPv6 address that contains an IPv4 address (mapped, NAT64, 6to4) is checked as both. Text that is no address is blocked.
 */
export function isBlockedAddress(ip: string, allowed: readonly Cidr[] = []): boolean {
  const text = ip.replace(/%.*$/, '');
  if (!ipaddr.isValid(text) || (!text.includes(':') && !ipaddr.IPv4.isValidFourPartDecimal(text))) return true;
  const address = ipaddr.parse(text);
  const embedded = embeddedIpv4(address);
  const reached = embedded ?? address;
  if (isIn(address, allowed) || isIn(reached, allowed)) return false;
  return !isPublic(reached);
}

function isIn(address: Address, cidrs: readonly Cidr[]): boolean {
  return cidrs.some(([network, bits]) => address.kind() === network.kind() && address.match(network, bits));
}

function isPublic(address: Address): boolean {
  return address.range() === 'unicast' && !isIn(address, MORE_BLOCKED);
}

/** Returns the IPv4 address that a connection to this IPv6 address reaches, if it contains one. */
function embeddedIpv4(address: Address): ipaddr.IPv4 | undefined {
  if (!(address instanceof ipaddr.IPv6)) return undefined;
  const bytes = address.toByteArray();
  if (address.isIPv4MappedAddress()) return address.toIPv4Address();
  if (address.match(ipaddr.IPv6.parse('64:ff9b::'), 96)) return new ipaddr.IPv4(bytes.slice(12));
  if (address.match(ipaddr.IPv6.parse('2002::'), 16)) return new ipaddr.IPv4(bytes.slice(2, 6));
  return undefined;
}
