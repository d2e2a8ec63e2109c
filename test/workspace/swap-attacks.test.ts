import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bytes, quota, scratch, text } from './scratch.ts';

const how = { quota };

test('a process that swaps a directory for a link all the time gets nothing read from or written to the host', async () => {
  const s = await scratch();
  const canary = join(s.outside, 'canary');
  writeFileSync(canary, 'secret');
  mkdirSync(join(s.files, 'dir'));
  writeFileSync(join(s.files, 'dir', 'canary'), 'inside');
  const swap = `const fs = require('fs'); const [dir, aside, out] = process.argv.slice(1); let n = 0;
    const end = Date.now() + 1000;
    while (Date.now() < end) {
      fs.renameSync(dir, aside); fs.symlinkSync(out, dir); fs.unlinkSync(dir); fs.renameSync(aside, dir); n++;
    }
    process.exitCode = n > 20 ? 0 : 1;`;
  const child = spawn(process.execPath, ['-e', swap, join(s.files, 'dir'), join(s.files, 'aside'), s.outside], {
    stdio: 'inherit',
  });
  const exit = new Promise((resolve) => child.once('exit', resolve));
  let running = true;
  void exit.then(() => {
    running = false;
  });
  const seen = new Set<string>();
  while (running) {
    await text(s.workspace, 'dir/canary').then(
      (content) => seen.add(content),
      (error) => seen.add(error.code),
    );
    await s.workspace.write('dir/new', bytes('x'), { ...how, durable: false }).catch(() => {});
    await s.workspace.append('dir/canary', bytes(''), { ...how, durable: false }).catch(() => {});
    await s.workspace.mkdir('dir/made', how).catch(() => {});
    await s.workspace.remove('dir/made', how).catch(() => {});
    for await (const { path } of s.workspace.walk('/workspace')) seen.add(path.split('/').at(-1) as string);
  }
  expect(await exit).toBe(0);
  expect(seen).toContain('inside');
  const inside = ['inside', 'ENOTDIR', 'ENOENT', 'ELOOP', 'EACCES', 'dir', 'aside', 'canary', 'new', 'made'];
  expect([...seen].filter((what) => !inside.includes(what))).toEqual([]);
  expect(readdirSync(s.outside).sort()).toEqual(['canary', 'root']);
  expect(readFileSync(canary, 'utf8')).toBe('secret');
});

test('the walk stays in the directory it opened when that is moved away meanwhile', async () => {
  const s = await scratch();
  for (let i = 0; i < 20; i++)
    await s.workspace.write(`d${i}/f`, bytes('x'), { ...how, parents: true, durable: false });
  const seen: string[] = [];
  for await (const { path } of s.workspace.walk('/workspace')) {
    if (seen.push(path) === 3) {
      unlinkSync(join(s.files, 'd5', 'f'));
      rmdirSync(join(s.files, 'd5'));
      symlinkSync(s.outside, join(s.files, 'd5'));
    }
  }
  expect(seen).toContain('d9/f');
  expect(seen.filter((path) => path.startsWith('d5/'))).toEqual([]);
});
