import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAddress, isPublicUnicast, parseAddress } from '../../runtime/egress/addresses.ts';

const isPublic = (text: string) => isPublicUnicast(parseAddress(text) ?? new Uint8Array());

describe('addresses of the inside are refused', () => {
  it.each([
    ...['0.0.0.0', '0.255.255.255', '10.0.0.1', '10.255.255.255', '100.64.0.0', '100.100.100.200', '100.127.255.255'],
    ...['127.0.0.1', '127.255.255.254', '168.63.129.16', '169.254.0.1', '169.254.169.254', '172.16.0.1'],
    ...['172.31.255.255', '192.0.0.1', '192.0.0.192', '192.0.2.1', '192.31.196.1', '192.52.193.1', '192.88.99.1'],
    ...['192.168.0.1', '192.168.255.255', '192.175.48.1', '198.18.0.1', '198.19.255.255', '198.51.100.1'],
    ...['203.0.113.255', '224.0.0.1', '239.255.255.255', '240.0.0.1', '255.255.255.255'],
    ...['::', '::1', '::7f00:1', '::127.0.0.1', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '::ffff:0:127.0.0.1'],
    ...['64:ff9b::127.0.0.1', '64:ff9b::a9fe:a9fe', '64:ff9b::10.0.0.1', '64:ff9b:1::8.8.8.8', '64:ff9b:0:1::1'],
    ...['100::1', '100:0:0:1::1', '2001::1', '2001:0:4136:e378:8000:63bf:3fff:fdd2', '2001:2::1', '2001:10::1'],
    ...['2001:20::1', '2001:1ff:ffff::1', '2001:db8::1', '2002:7f00:1::', '2002:808:808::1', '2620:4f:8000::1'],
    ...['3fff::1', '3fff:fff::1', '4000::1', '5f00::1', 'fc00::1', 'fd00:ec2::254', 'fd20:ce::254', 'fe80::1'],
    ...['fec0::1', 'ff02::1', 'ff0e::1', '2606:4700::5efe:127.0.0.1', '2606:4700::200:5efe:10.0.0.1'],
  ])('%s', (text) => {
    expect(parseAddress(text)).toBeDefined();
    expect(isPublic(text)).toBe(false);
  });
});

describe('public addresses pass', () => {
  it.each([
    ...['1.1.1.1', '8.8.8.8', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255'],
    ...['128.0.0.1', '168.63.129.15', '169.253.255.255', '172.15.255.255', '172.32.0.0', '191.255.255.255'],
    ...['192.0.1.1', '192.167.255.255', '192.169.0.0', '198.17.255.255', '198.20.0.0', '223.255.255.255'],
    ...['2606:4700:4700::1111', '2a00:1450:4001::200e', '2001:200::1', '2001:4860:4860::8888', '2003::1'],
    ...['3ffe::1', '64:ff9b::8.8.8.8', '2606:4700::5efe:8.8.8.8'],
  ])('%s', (text) => {
    expect(isPublic(text)).toBe(true);
  });
});

it('what is neither 4 nor 16 bytes is refused', () => {
  for (const length of [0, 1, 3, 5, 8, 15, 17]) expect(isPublicUnicast(new Uint8Array(length).fill(8))).toBe(false);
});

describe('texts that resolvers of the machine read in their own way are no addresses', () => {
  it.each([
    ...['', '1', '127.1', '0177.0.0.1', '0x7f.0.0.1', '1.2.3.4.5', '1.2.3.256', '1.2.3.-4', '1.2.3.4 ', '01.2.3.4'],
    ...[':', ':::', '1::2::3', '::1%lo', 'fe80::1%25eth0', '12345::', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '::g'],
    ...['1:2:3:4:5:6:7::8', '1.2.3.4::', '::1.2.3', '::1.2.3.4:5', '[::1]', '::١'],
  ])('%j', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });
});

const bytes = fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }));

it('property: an address survives being written and read', () => {
  fc.assert(
    fc.property(bytes, (address) => {
      const text = formatAddress(address);
      expect(isIP(text)).toBe(address.length === 4 ? 4 : 6);
      expect(parseAddress(text)).toEqual(address);
    }),
  );
});

it('property: what Node takes for an address without zone is read, and nothing else', () => {
  const text = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.string({ unit: fc.constantFrom(...'0123456789abcdef:.%x'), maxLength: 24 }),
  );
  fc.assert(
    fc.property(text, (written) => {
      expect(parseAddress(written) !== undefined).toBe(isIP(written) !== 0 && !written.includes('%'));
    }),
    { numRuns: 5000 },
  );
});

it('property: an IPv4 address in NAT64 is judged as itself, and mapped or compatible ones never pass', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (v4) => {
      const inside = (prefix: string) =>
        isPublicUnicast(Uint8Array.from([...(parseAddress(prefix) as Uint8Array).subarray(0, 12), ...v4]));
      expect(inside('64:ff9b::')).toBe(isPublicUnicast(v4));
      expect(inside('::ffff:0:0')).toBe(false);
      expect(inside('::')).toBe(false);
    }),
  );
});
