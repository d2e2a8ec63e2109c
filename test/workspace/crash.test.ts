import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createWorkspaces } from '../../runtime/workspace/workspace.ts';
import { bytes, owner, quota, scratch, text } from './scratch.ts';

const module = new URL('../../runtime/workspace/workspace.ts', import.meta.url).href;

/** A process that writes until it is killed; `acknowledged` holds what it said was done. */
async function killedWriter(root: string, body: string, afterMs: number): Promise<string[]> {
  const program = `import { createWorkspaces } from ${JSON.stringify(module)};
    const w = await createWorkspaces({ root: ${JSON.stringify(root)} }).open(${JSON.stringify(owner)});
    const quota = ${JSON.stringify(quota)};
    const say = (line) => new Promise((done) => process.stdout.write(line + '\\n', done));
    ${body}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (chunk) => {
    if (said === '') setTimeout(() => child.kill('SIGKILL'), afterMs);
    said += chunk;
  });
  await new Promise((resolve) => child.once('close', resolve));
  return said.split('\n').slice(0, -1);
}

test('killed between the temporary file and its rename: the old content stands, and no trace is left', async () => {
  const s = await scratch();
  await s.workspace.write('f', bytes('old'), { quota });
  await killedWriter(
    s.root,
    `async function* never() { yield Buffer.alloc(100000); await say('uploading'); setInterval(() => {}, 1000); await new Promise(() => {}); }
     await w.write('f', never(), { quota });`,
    50,
  );
  expect(readdirSync(s.incoming)).toHaveLength(1);
  const again = await createWorkspaces({ root: s.root }).open(owner);
  expect(readdirSync(s.incoming)).toEqual([]);
  expect(readdirSync(s.files)).toEqual(['f']);
  expect(await text(again, 'f')).toBe('old');
  expect(again.usage()).toEqual({ bytes: 3, files: 1 });
});

test('killed at random instants: every acknowledged write is there, and every file is whole', async () => {
  const s = await scratch();
  for (const afterMs of [5, 20, 45, 80]) {
    const acknowledged = await killedWriter(
      s.root,
      `for (let n = 1; ; n++) {
         await w.write('d/f' + (n % 7), Buffer.alloc(20000 + n, n % 256), { quota, parents: true });
         await say(String(n));
         if (n % 10 === 0) await w.remove('d', { quota, recursive: true }).then(() => say('0'));
       }`,
      afterMs,
    );
    const again = await createWorkspaces({ root: s.root }).open(owner);
    const present = new Map<string, number>();
    for await (const { path, type } of again.walk('/workspace')) {
      if (type === 'directory') continue;
      const file = await again.open(path);
      const content = await file.read();
      file.close();
      const n = content.length - 20_000;
      expect(new Set(content)).toEqual(new Set([n % 256]));
      present.set(path, n);
    }
    const last = acknowledged.at(-1);
    // After a removal, or just before one that was not acknowledged, nothing needs to be there.
    if (last !== undefined && last !== '0' && Number(last) % 10 !== 0) {
      expect(present.get(`d/f${Number(last) % 7}`)).toBeGreaterThanOrEqual(Number(last));
    }
    expect(readdirSync(s.incoming)).toEqual([]);
  }
});

test('a removal that was cut short is finished at the next start', async () => {
  const s = await scratch();
  await killedWriter(
    s.root,
    `for (let i = 0; i < 900; i++) await w.write('d/' + (i % 30) + '/' + i, Buffer.alloc(1), { quota: { bytes: 1e6, files: 1e6 }, parents: true, durable: false });
     await say('removing');
     for (;;) { await w.remove('d', { quota, recursive: true }).catch(() => {}); await new Promise(setImmediate); }`,
    1,
  );
  const again = await createWorkspaces({ root: s.root }).open(owner);
  expect(readdirSync(s.incoming)).toEqual([]);
  const { files } = again.usage();
  expect([0, 931]).toContain(files);
});
