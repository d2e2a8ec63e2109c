/** Bundled assets kept between starts beside the packages they are made of, by the content of everything that goes into them. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildAssets } from './assets.ts';

const here = import.meta.dirname;
const modules = join(here, '../../../node_modules');
/** Beside the packages, so that every data directory finds what one start of this installation made. */
export const installationCache = join(modules, '.cache/cordon');

/** As `buildAssets`, from the cache where it has them. A cache that cannot be read or written is no error. */
export async function cachedAssets(): Promise<Map<string, string>> {
  const file = join(installationCache, `assets-${fingerprint()}.json`);
  try {
    return new Map(JSON.parse(readFileSync(file, 'utf8')) as [string, string][]);
  } catch {
    // Not there, or cut off: built anew.
  }
  const assets = await buildAssets();
  try {
    mkdirSync(installationCache, { recursive: true });
    const fresh = `${file}.${process.pid}`;
    writeFileSync(fresh, JSON.stringify([...assets]));
    renameSync(fresh, file);
  } catch {
    // A read-only installation builds at each start.
  }
  return assets;
}

/** Of the sources, of how they are bundled, and of the installed packages' versions. */
function fingerprint(): string {
  const hash = createHash('sha256');
  for (const folder of ['guest', 'source'])
    for (const name of readdirSync(join(here, folder), { recursive: true, encoding: 'utf8' }).sort())
      if (name.endsWith('.js')) hash.update(`${folder}/${name}\0`).update(readFileSync(join(here, folder, name)));
  hash.update(readFileSync(join(here, 'assets.ts')));
  try {
    hash.update(readFileSync(join(modules, '.package-lock.json')));
  } catch {
    hash.update('unlocked');
  }
  return hash.digest('hex').slice(0, 32);
}
