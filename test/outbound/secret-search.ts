/** Looks for a secret in every byte, in the spellings in which it could hide. */
import { spawnSync } from 'node:child_process';

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

/** The files below a folder that hold one of these texts in any of their bytes. grep skips the holes of sparse images. */
export function filesWith(folder: string, texts: string[]): string[] {
  const patterns = texts.flatMap((text) => ['-e', text]);
  const { status, stdout, stderr } = spawnSync('grep', ['-rlaF', ...patterns, folder], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
  // 2: a file that could not be read, such as a socket; 1: none.
  if (status === null) throw new Error(`grep did not end: ${stderr}`);
  return stdout.split('\n').filter((line) => line !== '');
}
