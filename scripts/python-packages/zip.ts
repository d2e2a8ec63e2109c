/** Reads single members of a small zip: enough for the metadata of a wheel. Format: PKWARE APPNOTE 6.3, sections 4.3.7, 4.3.12, 4.3.16. */
import { inflateRawSync } from 'node:zlib';

export interface Zip {
  /** Names of the members as they are written, folders (ending in `/`) included. */
  readonly names: readonly string[];
  /** A member's content. Errors: Error when there is none, or it is larger than `MAX_MEMBER_BYTES`, or broken. */
  read(name: string): Buffer;
}

const END = 0x06054b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const END_BYTES = 22;
const MAX_COMMENT_BYTES = 0xffff;
const MAX_MEMBERS = 100_000;
const MAX_MEMBER_BYTES = 16 * 1024 * 1024;

interface Member {
  method: number;
  compressed: number;
  size: number;
  offset: number;
}

/** Errors: Error that says what is wrong. ZIP64 (members above 4 GiB) and encryption are not supported. */
export function readZip(bytes: Buffer): Zip {
  const end = findEnd(bytes);
  const count = bytes.readUInt16LE(end + 10);
  let at = bytes.readUInt32LE(end + 16);
  if (count === 0xffff || at === 0xffffffff) throw new Error('a ZIP64 file is not supported');
  if (count > MAX_MEMBERS) throw new Error(`more than ${MAX_MEMBERS} members`);
  const members = new Map<string, Member>();
  for (let read = 0; read < count; read++) {
    if (at + 46 > end || bytes.readUInt32LE(at) !== CENTRAL) throw new Error('its list of members is broken');
    const nameBytes = bytes.readUInt16LE(at + 28);
    const name = bytes.toString('utf8', at + 46, at + 46 + nameBytes);
    if (bytes.readUInt16LE(at + 8) & 1) throw new Error(`${name} is encrypted`);
    if (members.has(name)) throw new Error(`${name} is there twice`);
    members.set(name, {
      method: bytes.readUInt16LE(at + 10),
      compressed: bytes.readUInt32LE(at + 20),
      size: bytes.readUInt32LE(at + 24),
      offset: bytes.readUInt32LE(at + 42),
    });
    at += 46 + nameBytes + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
  }
  return {
    names: [...members.keys()],
    read(name) {
      const member = members.get(name);
      if (member === undefined) throw new Error(`it has no ${name}`);
      return readMember(bytes, name, member);
    },
  };
}

/** The last record of the file, before a comment of unknown length. */
function findEnd(bytes: Buffer): number {
  const lowest = Math.max(0, bytes.length - END_BYTES - MAX_COMMENT_BYTES);
  for (let at = bytes.length - END_BYTES; at >= lowest; at--)
    if (bytes.readUInt32LE(at) === END && at + END_BYTES + bytes.readUInt16LE(at + 20) === bytes.length) return at;
  throw new Error('it is not a zip file, or it is cut off');
}

function readMember(bytes: Buffer, name: string, { method, compressed, size, offset }: Member): Buffer {
  if (size > MAX_MEMBER_BYTES) throw new Error(`${name} is larger than ${MAX_MEMBER_BYTES} bytes`);
  if (offset + 30 > bytes.length || bytes.readUInt32LE(offset) !== LOCAL) throw new Error(`${name} is broken`);
  const start = offset + 30 + bytes.readUInt16LE(offset + 26) + bytes.readUInt16LE(offset + 28);
  const raw = bytes.subarray(start, start + compressed);
  if (raw.length !== compressed) throw new Error(`${name} is cut off`);
  if (method !== 0 && method !== 8)
    throw new Error(`${name} is compressed by method ${method}, which is not supported`);
  const content = method === 0 ? raw : inflateRawSync(raw, { maxOutputLength: MAX_MEMBER_BYTES });
  if (content.length !== size) throw new Error(`${name} has not the size it declares`);
  return content;
}
