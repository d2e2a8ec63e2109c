/** Looks for a secret in every byte, in the spellings in which it could hide. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** As it is, base64 at each alignment, hex, percent-encoded. */
export function spellings(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const base64 = [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replaceAll('=', '');
    // Other characters also hold bits of the neighbours.
    return text.slice(Math.ceil((shift * 8) / 6), Math.floor(((shift + bytes.length) * 8) / 6));
  });
  const percent = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
  return [secret, ...base64, bytes.toString('hex'), percent, encodeURIComponent(secret)];
}

/** The regular files below a folder that hold these bytes. */
export function bytesUnder(folder: string, needle: Buffer): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false)
    .filter((path) => readFileSync(path).includes(needle));
}
