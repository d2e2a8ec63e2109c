import { execFileSync } from 'node:child_process';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { openStore } from '../../runtime/store/lmdb-store.ts';
import type { Store } from '../../runtime/store/store.ts';
import { scratchDir } from './scratch.ts';

const MiB = 1024 * 1024;

/** Mounts a small file system of its own. Answers undefined where that is not permitted. */
function mount(dir: string): string | undefined {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', dir], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  return dir;
}

const canMount = (() => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  const dir = execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim();
  try {
    if (mount(dir) === undefined) return false;
    execFileSync('umount', [dir]);
    return true;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
})();
const why = '(needs root that may mount)';

async function smallStore(minimumFreeBytes: number): Promise<{ store: Store; dir: string }> {
  const dir = scratchDir();
  mount(dir);
  onTestFinished(() => void execFileSync('umount', ['-l', dir]));
  const store = await openStore({ dir: join(dir, 'store'), durability: 'disk', minimumFreeBytes });
  onTestFinished(() => store.close());
  return { store, dir };
}

const full = { code: 'storage_full' };

test.skipIf(!canMount)(
  `a full disk refuses writes whole, reads go on, and space brings writes back ${why}`,
  async () => {
    // lmdb-js reports failed commits on its own.
    vi.spyOn(console, 'error').mockImplementation(() => {});
    const { store, dir } = await smallStore(0);
    await store.transaction((tx) => tx.put(['kept'], 'kept'));
    writeFileSync(join(dir, 'ballast'), Buffer.alloc(6 * MiB));

    const acknowledged = new Set<number>();
    let refused = 0;
    const write = (n: number) =>
      store
        .transaction((tx) => {
          tx.put(['a', n], 'x'.repeat(50_000));
          tx.put(['b', n], n);
        })
        .then(
          () => acknowledged.add(n),
          (error) => {
            expect(error).toMatchObject(full);
            refused++;
          },
        );
    for (let n = 0; n < 60; n += 3) await Promise.all([write(n), write(n + 1), write(n + 2)]);
    expect(refused).toBeGreaterThan(0);
    expect(acknowledged.size).toBeGreaterThan(0);
    const stored = async (part: string) => (await store.range({ prefix: [part] })).map(({ key }) => key[1]);
    expect(await stored('a')).toEqual([...acknowledged].sort((x, y) => x - y));
    expect(await stored('b')).toEqual(await stored('a'));
    expect((await store.get(['kept']))?.value).toBe('kept');

    // What was admitted on writes that then failed must fail too, even when it would have had room itself.
    const first = store.transaction((tx) => tx.put(['a', 1000], 'x'.repeat(4 * MiB)));
    const reader = store.transaction((tx) => tx.get(['a', 1000]) !== undefined);
    await new Promise((resolve) => setImmediate(resolve));
    const later = store.transaction((tx) => {
      if (tx.get(['a', 1000])) tx.put(['b', 1000], 'because of a');
    });
    await Promise.all([first, reader, later].map((promise) => expect(promise).rejects.toMatchObject(full)));
    expect(await store.get(['b', 1000])).toBeUndefined();

    rmSync(join(dir, 'ballast'));
    await store.transaction((tx) => tx.put(['a', 1000], 'x'.repeat(MiB)));
    expect((await store.get<string>(['a', 1000]))?.value.length).toBe(MiB);
  },
);

test.skipIf(!canMount)(
  `below the free bytes that are kept, puts are refused, and what ends or removes something is not ${why}`,
  async () => {
    const { store, dir } = await smallStore(4 * MiB);
    await store.transaction((tx) => {
      tx.put(['a'], 1);
      tx.put(['b'], 1);
    });
    writeFileSync(join(dir, 'ballast'), Buffer.alloc(5 * MiB));
    expect(statfsSync(dir).bavail * statfsSync(dir).bsize).toBeLessThan(4 * MiB);
    await new Promise((resolve) => setTimeout(resolve, 1050));
    await expect(store.transaction((tx) => tx.put(['c'], 1))).rejects.toMatchObject(full);
    await store.transaction((tx) => tx.delete(['a']));
    await store.transaction((tx) => tx.put(['end'], 1), { reserve: true });
    expect((await store.range({ prefix: [] })).map(({ key }) => key[0])).toEqual(['b', 'end']);
    rmSync(join(dir, 'ballast'));
    await new Promise((resolve) => setTimeout(resolve, 1050));
    await store.transaction((tx) => tx.put(['c'], 1));
  },
);

test.skipIf(!canMount)(`a store on a full disk opens and reads ${why}`, async () => {
  const { store, dir } = await smallStore(0);
  await store.transaction((tx) => tx.put(['a'], 1));
  await store.close();
  try {
    writeFileSync(join(dir, 'ballast'), Buffer.alloc(16 * MiB));
  } catch {
    // Full now.
  }
  const again = await openStore({ dir: join(dir, 'store'), durability: 'disk', minimumFreeBytes: 0 });
  expect((await again.get(['a']))?.value).toBe(1);
  await again.close();
});
