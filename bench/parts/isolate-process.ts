/** A process of its own that makes blank isolates as a worker does: `isolate-process.ts memory|time` prints one line of JSON. */
import { createRequire } from 'node:module';
import { buildAssets } from '../../runtime/sandbox/isolate/assets.ts';
import { createBlankIsolates } from '../../runtime/sandbox/isolate/worker/blank-isolates.ts';
import type { Ivm } from '../../runtime/sandbox/isolate/worker/isolated-vm.ts';

const ivm = createRequire(import.meta.url)('isolated-vm') as Ivm;
const texts = await buildAssets();
const assets = { get: (name: string) => String(texts.get(name) ?? '') };
const ramBytes = 128 * 1024 ** 2;

if (process.argv[2] === 'memory') {
  const COUNT = 40;
  const few = createBlankIsolates(ivm, assets, { stock: 4, ramBytes });
  while (few.refill());
  const before = process.memoryUsage.rss();
  const many = createBlankIsolates(ivm, assets, { stock: COUNT, ramBytes });
  while (many.refill());
  console.log(JSON.stringify({ bytes: (process.memoryUsage.rss() - before) / COUNT }));
} else {
  const isolates = createBlankIsolates(ivm, assets, { stock: 0, ramBytes });
  const micros: number[] = [];
  for (let at = 0; at < 300; at++) {
    const before = performance.now();
    const blank = isolates.take(ramBytes);
    micros.push((performance.now() - before) * 1000);
    blank.retire(false);
  }
  console.log(JSON.stringify({ micros: micros.slice(50).sort((a, b) => a - b)[125] }));
}
process.exit();
