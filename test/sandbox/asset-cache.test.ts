import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { cachedAssets } from '../../runtime/sandbox/isolate/asset-cache.ts';
import { buildAssets } from '../../runtime/sandbox/isolate/assets.ts';

const folder = resolve(import.meta.dirname, '../../node_modules/.cache/cordon');
const cached = () => (existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : []);

test('the cache answers what a build does, and a cut-off one is built anew', async () => {
  const built = await buildAssets();
  expect(await cachedAssets()).toEqual(built);
  const [newest] = cached().filter((name) => readFileSync(join(folder, name), 'utf8') === JSON.stringify([...built]));
  expect(newest).toBeDefined();
  writeFileSync(join(folder, newest as string), '[["prelude.js","');
  expect(await cachedAssets()).toEqual(built);
  expect(await cachedAssets()).toEqual(built);
});
