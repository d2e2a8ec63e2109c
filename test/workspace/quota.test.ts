import { execFileSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CordonError } from '../../runtime/errors.ts';
import { createWorkspaces } from '../../runtime/workspace/workspace.ts';
import { bytes, codeOf, owner, quota, scratch, text } from './scratch.ts';

const loose = { durable: false };

test('concurrent writers fill the quota exactly and never above it', async () => {
  const { workspace: w, files } = await scratch();
  const quota = { bytes: 10_000, files: 1000 };
  const results = await Promise.all(
    Array.from({ length: 50 }, (_, n) => codeOf(w.write(`f${n}`, bytes(1000), { quota, ...loose }))),
  );
  expect(results.filter((code) => code === 'no error')).toHaveLength(10);
  expect(results.filter((code) => code === 'quota_exceeded')).toHaveLength(40);
  expect(w.usage()).toEqual({ bytes: 10_000, files: 10 });
  expect(Number(execFileSync('sh', ['-c', `cat ${files}/* | wc -c`]).toString())).toBe(10_000);
});

test('concurrent streams, appends and ranges hold it, too', async () => {
  const { workspace: w } = await scratch();
  const quota = { bytes: 5000, files: 100 };
  await w.write('log', bytes(0), { quota });
  async function* chunks() {
    for (let n = 0; n < 10; n++) yield bytes(100);
  }
  const results = await Promise.all(
    Array.from({ length: 30 }, (_, n) => {
      if (n % 3 === 0) return codeOf(w.write(`s${n}`, chunks(), { quota, ...loose }));
      if (n % 3 === 1) return codeOf(w.append('log', bytes(1000), { quota, ...loose }));
      return codeOf(w.writeRange('log', n * 100, bytes(1000), { quota, ...loose }));
    }),
  );
  expect(new Set(results)).toEqual(new Set(['no error', 'quota_exceeded']));
  const stored = (await Array.fromAsync(w.walk('/workspace'))).reduce((sum, file) => sum + file.bytes, 0);
  expect(w.usage().bytes).toBe(stored);
  expect(stored).toBeLessThanOrEqual(5000);
});

test('directories count as files, also parents that a write makes', async () => {
  const { workspace: w } = await scratch();
  const quota = { bytes: 1000, files: 4 };
  expect(await codeOf(w.write('a/b/c/d/f', bytes(1), { quota, parents: true }))).toBe('quota_exceeded');
  expect(await w.list('/workspace')).toEqual([]);
  await w.write('a/b/f', bytes(1), { quota, parents: true });
  expect(await codeOf(w.mkdir('x/y', { quota, recursive: true }))).toBe('quota_exceeded');
  await w.mkdir('x', { quota });
  expect(await codeOf(w.append('new', bytes(1), { quota }))).toBe('quota_exceeded');
  expect(w.usage()).toEqual({ bytes: 1, files: 4 });
});

test('the error says which quota, how much and what is used', async () => {
  const { workspace: w } = await scratch();
  await w.write('f', bytes(600), { quota: { bytes: 1000, files: 10 } });
  const error = await w.write('g', bytes(500), { quota: { bytes: 1000, files: 10 } }).catch((e) => e);
  expect(error).toBeInstanceOf(CordonError);
  expect(error.details.quota).toEqual({ name: 'workspaceBytes', limit: 1000, used: 600 });
  const files = await w.write('g', bytes(1), { quota: { bytes: 1000, files: 1 } }).catch((e) => e);
  expect(files.details.quota).toEqual({ name: 'workspaceFiles', limit: 1, used: 1 });
});

test('a full workspace can still be overwritten in the same size, cut and emptied, but not grow', async () => {
  const { workspace: w } = await scratch();
  const quota = { bytes: 1000, files: 1 };
  await w.write('f', bytes(1000), { quota });
  await w.write('f', bytes('y'.repeat(1000)), { quota });
  await w.writeRange('f', 0, bytes(1000), { quota });
  expect(await codeOf(w.truncate('f', 1001, { quota }))).toBe('quota_exceeded');
  // A quota below what is stored refuses growth only.
  const less = { bytes: 10, files: 0 };
  await w.write('f', bytes(500), { quota: less });
  await w.remove('f', { quota: less });
  expect(w.usage()).toEqual({ bytes: 0, files: 0 });
});

test('a write in place that loses its file meanwhile leaves no usage behind', async () => {
  const { workspace: w } = await scratch();
  const quota = { bytes: 100_000_000, files: 100 };
  for (let n = 0; n < 20; n++) {
    await w.write('d/f', bytes(10), { quota, parents: true, ...loose });
    const appends = [1, 2, 3].map(() => w.append('d/f', bytes(2_000_000), { quota, ...loose }).catch(() => {}));
    if (n % 3 === 0) await w.remove('d', { quota, recursive: true, ...loose });
    else if (n % 3 === 1) await w.write('d/f', bytes(5), { quota, ...loose });
    else await w.remove('d/f', { quota, ...loose });
    await Promise.all(appends);
    const stored = (await Array.fromAsync(w.walk('/workspace'))).reduce((sum, file) => sum + file.bytes, 0);
    expect(w.usage().bytes).toBe(stored);
  }
});

test('ten gigabytes of hole: ranges are read, nothing is loaded whole, and it counts in full', async () => {
  const s = await scratch();
  execFileSync('truncate', ['-s', '10G', join(s.files, 'hole')]);
  expect((await s.workspace.stat('hole')).bytes).toBe(10 * 1024 ** 3);
  const file = await s.workspace.open('hole');
  expect(await file.read({ offset: 10 * 1024 ** 3 - 3, length: 100 })).toHaveLength(3);
  file.close();
  expect(await codeOf(s.workspace.writeRange('hole', 20 * 1024 ** 3, bytes('x'), { quota }))).toBe('quota_exceeded');
  expect(await codeOf(s.workspace.copy('hole', 'copy', { quota }))).toBe('quota_exceeded');
});

test('what something else planted counts: links, holes, names that cannot be said', async () => {
  const s = await scratch();
  symlinkSync('/etc/passwd', join(s.files, 'link'));
  writeFileSync(join(s.files, 'a\nb'), 'xxx');
  execFileSync('truncate', ['-s', '10G', join(s.files, 'hole')]);
  const again = await createWorkspaces({ root: s.root }).open(owner);
  expect(again.usage()).toEqual({ bytes: 10 * 1024 ** 3 + 3, files: 3 });
  expect(await codeOf(again.write('f', bytes(1), { quota: { bytes: 1e9, files: 100 } }))).toBe('quota_exceeded');
});

test('after any operations, in parallel too, the kept usage is what a fresh count finds', async () => {
  const name = fc.constantFrom('a', 'b', 'd/a', 'd/e/b', 'd', 'd/e');
  const size = fc.integer({ min: 0, max: 3000 });
  const operation = fc.oneof(
    fc.record({ op: fc.constantFrom('write', 'append', 'range', 'truncate'), name, size }),
    fc.record({ op: fc.constantFrom('mkdir', 'remove', 'removeAll'), name, size }),
    fc.record({ op: fc.constantFrom('rename', 'copy'), name, to: name, size }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(operation, { minLength: 1, maxLength: 6 }), { maxLength: 8 }),
      async (rounds) => {
        const { workspace: w, root } = await scratch();
        const quota = { bytes: 8000, files: 5 };
        const how = { quota, ...loose };
        for (const round of rounds) {
          const work = round.map((step): Promise<unknown> => {
            if (step.op === 'write') return w.write(step.name, bytes(step.size), { ...how, parents: true });
            if (step.op === 'append') return w.append(step.name, bytes(step.size), how);
            if (step.op === 'range') return w.writeRange(step.name, step.size, bytes(10), how);
            if (step.op === 'truncate') return w.truncate(step.name, step.size, how);
            if (step.op === 'mkdir') return w.mkdir(step.name, { ...how, recursive: true });
            if (step.op === 'remove') return w.remove(step.name, how);
            if (step.op === 'removeAll') return w.remove(step.name, { ...how, recursive: true });
            const { to } = step as { to: string };
            return step.op === 'rename' ? w.rename(step.name, to, how) : w.copy(step.name, to, how);
          });
          await Promise.allSettled(work);
          expect(w.usage().bytes).toBeLessThanOrEqual(quota.bytes);
          expect(w.usage().files).toBeLessThanOrEqual(quota.files);
        }
        const counted = (await createWorkspaces({ root }).open(owner)).usage();
        expect(w.usage()).toEqual(counted);
      },
    ),
    { numRuns: 60 },
  );
});

test('two agents do not share a quota', async () => {
  const s = await scratch();
  const quota = { bytes: 10, files: 1 };
  const other = await s.workspaces.open({ tenant: 'default', agent: 'agent-b' });
  await Promise.all([s.workspace.write('f', bytes(10), { quota }), other.write('f', bytes(10), { quota })]);
  expect(await text(other, 'f')).toBe('x'.repeat(10));
});
