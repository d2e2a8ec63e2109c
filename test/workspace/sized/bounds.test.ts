import { execFileSync } from 'node:child_process';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bytes, codeOf, owner, text } from '../scratch.ts';
import { free, GUEST, growth, guest, KiB, MiB, needsMounts, quota, sized } from './sized.ts';

needsMounts();

const fill = 'head -c 200M /dev/zero > big; stat -c %s big';

test('a guest of another user gets its growth in bytes exactly, and not a block more', async () => {
  const s = await sized();
  const a = await s.attach();
  expect(free(a.path)).toEqual(growth);
  const { said } = await guest(a.path, fill);
  expect(said).toContain('No space left on device');
  expect(statSync(join(a.path, 'big')).size).toBe(growth.bytes);
  expect((await guest(a.path, 'echo x > more')).said).toContain('No space left');
  // What it removes it may write again.
  expect((await guest(a.path, 'truncate -s 12M big && head -c 4M /dev/zero > again && stat -c %s again')).said).toBe(
    `${4 * MiB}\n`,
  );
  await a.detach();
  expect(s.workspace.usage()).toEqual({ bytes: 16 * MiB, files: 3 });
});

test('and its growth in files exactly: files, folders, links and FIFOs are files', async () => {
  const s = await sized();
  const a = await s.attach({ growth: { bytes: 64 * MiB, files: 57 } });
  const made = await guest(
    a.path,
    'mkdir d && ln -s x l && mkfifo p && n=3; while touch f$n 2>/dev/null; do n=$((n+1)); done; echo $n; touch x',
  );
  expect(made.said).toMatch(/^57\n.*No space left on device/);
  expect(readdirSync(a.path)).toHaveLength(57);
  await a.detach();
  expect(s.workspace.usage().files).toBe(57);
});

test('the root of the host meets the same bound', async () => {
  const s = await sized();
  const a = await s.attach();
  expect(() => execFileSync('bash', ['-c', fill], { cwd: a.path, stdio: 'pipe' })).not.toThrow();
  expect(statSync(join(a.path, 'big')).size).toBe(growth.bytes);
  await a.detach();
});

test('a run never gets more than the quota leaves', async () => {
  const s = await sized();
  const tight = { bytes: 3 * MiB, files: 10 };
  await s.workspace.write('d/f', bytes(MiB), { quota: tight, parents: true });
  const a = await s.attach({ quota: tight });
  expect(free(a.path)).toEqual({ bytes: 2 * MiB, files: 8 });
  await guest(a.path, `${fill}; touch a b c`);
  expect(statSync(join(a.path, 'big')).size).toBe(2 * MiB);
  await a.detach();
  expect(s.workspace.usage()).toEqual({ bytes: 3 * MiB, files: 6 });
  // Used up: the next one can read and remove, and no more.
  const b = await s.attach({ quota: tight });
  expect(free(b.path).bytes).toBe(0);
  expect((await guest(b.path, 'cat d/f | wc -c; echo x > y; rm big && echo gone')).said).toMatch(
    /1048576\ngone\n.*No space left on device/,
  );
  await b.detach();
  expect(s.workspace.usage().bytes).toBe(MiB);
});

test('what Cordon writes belongs to the guest, who can change and remove it', async () => {
  const s = await sized();
  await s.workspace.write('before/f', bytes('old'), { quota, parents: true });
  const a = await s.attach();
  await s.workspace.write('d/e/f', bytes('new'), { quota, parents: true });
  await s.workspace.append('log', bytes('line'), { quota });
  await s.workspace.mkdir('m', { quota });
  for (const path of ['.', 'before', 'before/f', 'd', 'd/e', 'd/e/f', 'log', 'm'])
    expect(statSync(join(a.path, path))).toMatchObject({ uid: GUEST, gid: GUEST });
  expect(await guest(a.path, 'echo more >> d/e/f && chmod 755 log && rm -r before && mv d m && cat m/d/e/f')).toEqual({
    code: 0,
    said: 'newmore\n',
  });
  await a.detach();
  expect(await text(s.workspace, 'm/d/e/f')).toBe('newmore\n');
  expect(await codeOf(s.workspace.stat('before'))).toBe('ENOENT');
});

test('Cordon’s own writers meet the quota together with the containers, and do not eat the growth of a run', async () => {
  const s = await sized();
  const a = await s.attach({ growth: { bytes: 4 * MiB, files: 20 }, quota: { bytes: 10 * MiB, files: 40 } });
  const small = { bytes: 10 * MiB, files: 40 };
  await s.workspace.write('mine', bytes(5 * MiB), { quota: small });
  expect(free(a.path)).toEqual({ bytes: 4 * MiB, files: 20 });
  await s.workspace.write('d/e/small', bytes(1), { quota: small, parents: true });
  await s.workspace.append('log', bytes(5000), { quota: small });
  await s.workspace.append('log', bytes(5000), { quota: small });
  await s.workspace.mkdir('m', { quota: small });
  await s.workspace.remove('d', { quota: small, recursive: true });
  await s.workspace.remove('m', { quota: small });
  await s.workspace.remove('log', { quota: small });
  for (let n = 0; n < 10; n++) await s.workspace.write('mine', bytes(MiB), { quota: small });
  // Replacing a file leaves no room behind.
  expect(free(a.path).bytes).toBeLessThanOrEqual(4 * MiB + 24 * KiB);
  await guest(a.path, fill);
  const left = 10 * MiB - statSync(join(a.path, 'big')).size - MiB;
  expect(await codeOf(s.workspace.write('more', bytes(left + 64 * KiB), { quota: small }))).toBe('quota_exceeded');
  await s.workspace.write('more', bytes(left - 64 * KiB), { quota: small });
  await a.detach();
  expect(s.workspace.usage().bytes).toBeLessThanOrEqual(10 * MiB);
});

test('containers at the same time share the sum of their bytes, and each may reach its files', async () => {
  const s = await sized();
  const [a, b] = [await s.attach(), await s.attach({ growth: { bytes: 8 * MiB, files: 30 } })];
  expect(free(a.path)).toEqual({ bytes: 24 * MiB, files: 100 });
  await guest(b.path, 'head -c 8M /dev/zero > b');
  await b.detach();
  expect(free(a.path)).toEqual({ bytes: 16 * MiB, files: 99 });
  await guest(a.path, 'head -c 100M /dev/zero > a');
  expect(statSync(join(a.path, 'a')).size).toBe(16 * MiB);
  const c = await s.attach({ growth: { bytes: 4 * MiB, files: 150 } });
  expect(free(c.path)).toEqual({ bytes: 4 * MiB, files: 150 });
  await a.detach();
  expect(free(c.path).bytes).toBe(4 * MiB);
  await c.detach();
  // Short runs beside a long one give it no more than its own.
  const long = await s.attach({ growth: { bytes: MiB, files: 10 } });
  for (let n = 0; n < 5; n++) await (await s.attach({ growth: { bytes: MiB, files: 10 } })).detach();
  expect(free(long.path)).toEqual({ bytes: MiB, files: 10 });
  await long.detach();
});

test('the file system grows with the quota and with what is stored, in bytes and in files', async () => {
  const s = await sized();
  await (await s.attach({ quota: { bytes: MiB, files: 10 }, growth: { bytes: MiB, files: 10 } })).detach();
  const before = statSync(join(s.home, 'volume.ext4')).size;
  const large = { bytes: 4096 * MiB, files: 20_000 };
  const a = await s.attach({ quota: large, growth: { bytes: 3000 * MiB, files: 5000 } });
  expect(free(a.path)).toEqual({ bytes: 3000 * MiB, files: 5000 });
  expect(statSync(join(s.home, 'volume.ext4')).size).toBeGreaterThan(before);
  expect((await guest(a.path, 'mkdir d && cd d && touch $(seq 4999) && echo all')).said).toBe('all\n');
  await a.detach();
  expect(s.workspace.usage().files).toBe(5000);
  // Cordon's own writers have no container to make room for them.
  for (let n = 0; n < 800; n++) await s.workspace.write(`own${n}`, bytes(1), { quota: large, durable: false });
  const b = await s.attach({ quota: large, growth: { bytes: MiB, files: 5000 } });
  expect(free(b.path)).toEqual({ bytes: MiB, files: 5000 });
  await b.detach();
});

test('after a run Cordon may use all of the quota, and overwrite a full workspace in the same size', async () => {
  const s = await sized();
  await (await s.attach()).detach();
  const full = { bytes: 64 * MiB, files: 500 };
  await s.workspace.write('f', bytes(63 * MiB), { quota: full });
  for (let n = 0; n < 499; n++) await s.workspace.write(`d${n}`, bytes(1), { quota: full, durable: false });
  expect(await codeOf(s.workspace.write('one-more', bytes(1), { quota: full }))).toBe('quota_exceeded');
  await s.workspace.write('f', bytes(63 * MiB), { quota: full });
  expect(s.workspace.usage()).toEqual({ bytes: 63 * MiB + 499, files: 500 });
});

test('a run that starts while the one before is still counted gets its own growth, exactly', async () => {
  const s = await sized();
  for (let n = 0; n < 5; n++) {
    const a = await s.attach({ growth: { bytes: 8 * MiB, files: 50 } });
    await guest(a.path, `head -c ${MiB} /dev/zero > f${n}`);
    const detaching = a.detach();
    const b = await s.attach({ growth: { bytes: 4 * MiB, files: 20 } });
    await detaching;
    expect(free(b.path)).toEqual({ bytes: 4 * MiB, files: 20 });
    await b.detach();
    expect(s.workspace.usage()).toEqual({ bytes: (n + 1) * MiB, files: n + 1 });
  }
});

test('operations, guests and leases in any mixture: in the end the usage is what a fresh count finds, in the quota', async () => {
  const s = await sized({ idleMs: 50 });
  const tight = { bytes: 4 * MiB, files: 60 };
  const loose = { quota: tight, parents: true, durable: false };
  let random = 21;
  const pick = (most: number) => {
    random = (random * 48271) % 2147483647;
    return random % most;
  };
  const name = () => ['a', 'b', 'd/a', 'd/e/b', 'd', 'x/y'][pick(6)] as string;
  async function* slow() {
    for (let n = 0; n < 4; n++) {
      await new Promise((resolve) => setTimeout(resolve, pick(15)));
      yield bytes(pick(200_000));
    }
  }
  const operate = async () => {
    for (let n = 0; n < 40; n++) {
      const w = s.workspace;
      const what = pick(8);
      const work =
        what === 0
          ? w.write(name(), slow(), loose)
          : what === 1
            ? w.append(name(), bytes(pick(100_000)), loose)
            : what === 2
              ? w.remove(name(), { ...loose, recursive: true })
              : what === 3
                ? w.rename(name(), name(), loose)
                : what === 4
                  ? w.truncate(name(), pick(300_000), loose)
                  : what === 5
                    ? w.copy(name(), name(), loose)
                    : what === 6
                      ? w.mkdir(name(), { ...loose, recursive: true })
                      : w.write(name(), bytes(pick(300_000)), loose);
      await work.catch(() => {});
    }
  };
  const lease = async () => {
    for (let n = 0; n < 8; n++) {
      const a = await s.attach({ quota: tight, growth: { bytes: MiB, files: 10 } });
      await a.mark();
      await guest(
        a.path,
        `head -c ${pick(2_000_000)} /dev/zero > g${pick(3)}; mkdir -p d; mv a d/a2; rm -rf x; touch t${pick(9)}`,
      );
      await a.detach();
    }
  };
  await Promise.all([operate(), operate(), operate(), lease(), lease()]);
  const used = s.workspace.usage();
  await s.workspaces.close();
  const again = s.start();
  expect((await again.open(owner)).usage()).toEqual(used);
  expect(used.files).toBeLessThanOrEqual(tight.files);
  // Whole blocks are what the kernel bounds; sizes are what is counted.
  expect(used.bytes).toBeLessThanOrEqual(tight.bytes + MiB);
  // Nothing is lost for good: all that the quota leaves can be had.
  const a = await s.attach({ quota: { bytes: 64 * MiB, files: 1000 } }, again);
  expect(free(a.path)).toEqual(growth);
  await a.detach();
}, 60_000);

test('two agents do not share anything', async () => {
  const s = await sized();
  const other = { tenant: owner.tenant, agent: 'other' };
  const a = await s.attach();
  const folder = s.slot();
  const b = await s.workspaces.attach(other, folder, { growth, quota });
  writeFileSync(join(folder, 'f'), 'b');
  await guest(a.path, fill);
  expect(free(folder).bytes).toBe(growth.bytes - 4 * KiB);
  await Promise.all([a.detach(), b.detach()]);
  expect((await s.workspaces.open(other)).usage()).toEqual({ bytes: 1, files: 1 });
});
