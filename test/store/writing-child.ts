/** Writes until it is killed. Prints each acknowledgement, after it came: `ack WRITER N`, of a transaction of three puts. */
import { writeSync } from 'node:fs';
import { openDataDir } from '../../runtime/store/data-dir.ts';
import { openStore } from '../../runtime/store/lmdb-store.ts';

const [dir, durability] = process.argv.slice(2) as [string, 'disk' | 'process'];
const dataDir = await openDataDir(dir);
const store = await openStore({ dir: dataDir.storeDir, durability, minimumFreeBytes: 0 });
writeSync(1, 'open\n');

async function write(writer: number) {
  for (;;) {
    const n = await store.transaction((tx) => {
      const next = (tx.get<number>(['count', writer])?.value ?? 0) + 1;
      tx.put(['count', writer], next);
      tx.put(['item', writer, next], { next, text: 'x'.repeat((next * 37) % 6000) });
      tx.put(['twin', writer, next], next);
      return next;
    });
    writeSync(1, `ack ${writer} ${n}\n`);
  }
}
await Promise.all(Array.from({ length: 8 }, (_, writer) => write(writer)));
