/** Addresses as bytes, and which of them are public unicast: everything else is somebody's inside. */

/** First bytes of a block and how many of its bits count. */
type Block = [bytes: number[], bits: number];

/**
 * IPv4 blocks that are refused: IANA's special-purpose registry (RFC 6890 and its updates), whole, those that are called
 * globally reachable too; multicast, class E, and Azure's platform address, which is public only by number.
 */
const refusedV4: Block[] = [
  [[0], 8],
  [[10], 8],
  [[100, 64], 10],
  [[127], 8],
  [[168, 63, 129, 16], 32],
  [[169, 254], 16],
  [[172, 16], 12],
  [[192, 0, 0], 24],
  [[192, 0, 2], 24],
  [[192, 31, 196], 24],
  [[192, 52, 193], 24],
  [[192, 88, 99], 24],
  [[192, 168], 16],
  [[192, 175, 48], 24],
  [[198, 18], 15],
  [[198, 51, 100], 24],
  [[203, 0, 113], 24],
  [[224], 4],
  [[240], 4],
];

/** Global unicast as far as it is assigned (RFC 4291, section 2.4): loopback, mapped, unique-local, link-local, multicast lie outside. */
const globalV6: Block = [[0x20], 3];

/** Within it: protocol assignments with Teredo, ORCHID and benchmarking; documentation; 6to4; AS112. */
const refusedV6: Block[] = [
  [[0x20, 0x01, 0x00, 0x00], 23],
  [[0x20, 0x01, 0x0d, 0xb8], 32],
  [[0x20, 0x02], 16],
  [[0x26, 0x20, 0x00, 0x4f, 0x80, 0x00], 48],
  [[0x3f, 0xff, 0x00], 20],
];

/** The well-known prefix of NAT64 (RFC 6052): what it holds is judged. The local one (RFC 8215) is refused. */
const nat64: Block = [[0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0], 96];

/** `address`: 4 or 16 bytes in network order; anything else is refused. */
export function isPublicUnicast(address: Uint8Array): boolean {
  if (address.length === 4) return !refusedV4.some((block) => isIn(address, block));
  if (address.length !== 16) return false;
  if (isIn(address, nat64)) return isPublicUnicast(address.subarray(12));
  if (!isIn(address, globalV6) || refusedV6.some((block) => isIn(address, block))) return false;
  return !isTunnel(address) || isPublicUnicast(address.subarray(12));
}

/** ISATAP (RFC 5214, section 6.1): the last four bytes are the IPv4 address that is reached. */
function isTunnel(address: Uint8Array): boolean {
  return (address[8]! & ~0x02) === 0 && address[9] === 0 && address[10] === 0x5e && address[11] === 0xfe;
}

function isIn(address: Uint8Array, [bytes, bits]: Block): boolean {
  for (let at = 0, left = bits; left > 0; at++, left -= 8) {
    const mask = left >= 8 ? 0xff : (0xff << (8 - left)) & 0xff;
    if (((address[at]! ^ bytes[at]!) & mask) !== 0) return false;
  }
  return true;
}

/** Undefined for all but dotted decimal without leading zeros, and IPv6 (RFC 4291, section 2.2) without zone. */
export function parseAddress(text: string): Uint8Array | undefined {
  return text.includes(':') ? parseV6(text) : parseV4(text);
}

function parseV4(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9][0-9]{0,2})$/.test(part) && Number(part) < 256))
    return undefined;
  return Uint8Array.from(parts, Number);
}

function parseV6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = [groups(halves[0] as string), groups(halves[1] ?? '')];
  if (!head || !tail) return undefined;
  // Dotted decimal ends an address.
  if (halves.length === 2 && (halves[0] as string).includes('.')) return undefined;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  return Uint8Array.from([...head, ...new Array<number>(missing).fill(0), ...tail]);
}

function groups(text: string): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const parts = text.split(':');
  for (const [at, part] of parts.entries()) {
    if (part.includes('.')) {
      const embedded = at === parts.length - 1 ? parseV4(part) : undefined;
      if (!embedded) return undefined;
      bytes.push(...embedded);
    } else {
      if (!/^[0-9a-f]{1,4}$/i.test(part)) return undefined;
      const value = Number.parseInt(part, 16);
      bytes.push(value >> 8, value & 0xff);
    }
  }
  return bytes.length <= 16 ? bytes : undefined;
}

/** The text from which exactly these bytes are read again. */
export function formatAddress(address: Uint8Array): string {
  if (address.length === 4) return address.join('.');
  const groups: string[] = [];
  for (let at = 0; at < 16; at += 2) groups.push(((address[at]! << 8) | address[at + 1]!).toString(16));
  return groups.join(':');
}
