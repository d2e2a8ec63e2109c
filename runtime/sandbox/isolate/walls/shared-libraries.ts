import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

/**
 * Absolute paths, as the loader asks for them, of every library that these ELF files need, the loader itself included.
 * Falls back on what this very process has mapped where there is no `ldd`.
 */
export async function sharedLibraries(files: readonly string[]): Promise<string[]> {
  try {
    const { stdout } = await promisify(execFile)('ldd', [...files], {
      env: { PATH: process.env.PATH ?? '/usr/bin:/bin' },
    });
    const found = [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x[0-9a-f]+\)/g)].map((match) => match[1] as string);
    if (found.length > 0) return [...new Set(found)].filter((path) => !files.includes(path));
  } catch {
    // No ldd (a distroless image), or it failed: the maps below name the same libraries.
  }
  const mapped = readFileSync('/proc/self/maps', 'latin1').matchAll(/ (\/\S+\.so[.\d]*)$/gm);
  return [...new Set([...mapped].map((match) => match[1] as string))];
}
