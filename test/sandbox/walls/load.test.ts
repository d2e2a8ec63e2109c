import { expect, it } from 'vitest';
import { prepareWalls } from '../../../runtime/sandbox/isolate/walls/walls.ts';

const source = `
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { pbkdf2, randomBytes } from 'node:crypto';
import { gzip } from 'node:zlib';
import { promisify } from 'node:util';
import { readdir, readFile } from 'node:fs/promises';
import { Socket } from 'node:net';
const ivm = createRequire(import.meta.url)('../native/isolated-vm.node').ivm as any;
const channel = new Socket({ fd: 3 });
const wasm = 'new Uint8Array([0,97,115,109,1,0,0,0,1,6,1,96,1,127,1,127,3,2,1,0,7,5,1,1,102,0,0,10,9,1,7,0,32,0,65,1,106,11])';
async function guest(number: number) {
  const isolate = new ivm.Isolate({ memoryLimit: 64 });
  const context = await isolate.createContext();
  await context.global.set('host', new ivm.Reference(async (x: number) => { await sleep(3); return x + 1; }));
  const result = await context.eval(\`
    const call = new WebAssembly.Instance(new WebAssembly.Module(\${wasm})).exports.f;
    let sum = 0;
    for (let i = 0; i < 3e5; i++) sum = call(sum);
    new WebAssembly.Memory({ initial: 64, maximum: 512 }).grow(128);
    let garbage = [];
    for (let i = 0; i < 3e5; i++) { garbage.push({ i, s: 'x' + i }); if (garbage.length > 4e4) garbage = []; }
    sum + host.applySyncPromise(undefined, [\${number}])\`);
  const timedOut = await context.eval('for (;;) {}', { timeout: 30 }).catch((error: Error) => error.message);
  const full = await context.eval('const all = []; for (;;) all.push(new Array(1e4).fill(1.5))').catch((error: Error) => error.message);
  return [result - number, timedOut, /memory/.test(full)].join();
}
const guests = await Promise.all(Array.from({ length: 6 }, (_, number) => guest(number)));
await Promise.all([promisify(pbkdf2)('a', 'b', 1e4, 32, 'sha256'), promisify(gzip)(Buffer.alloc(1e6)), promisify(randomBytes)(64)]);
await readFile(import.meta.filename); await readdir(import.meta.dirname);
process.cpuUsage(); process.resourceUsage(); process.hrtime.bigint();
channel.write(JSON.stringify([...new Set(guests)]) + '\\n');
channel.on('data', () => process.abort());
`;

it('isolates run WebAssembly, threads, garbage collection, timeouts and out-of-memory under the filter', async () => {
  const walls = await prepareWalls({ files: new Map([['worker/main.ts', source]]) });
  try {
    const worker = walls.spawn({ ramBytes: 1024 ** 3, name: 'load' });
    const answer = await Promise.race([
      new Promise<string>((resolve) => worker.channel.once('data', (chunk: Buffer) => resolve(chunk.toString()))),
      worker.exited.then((exit) => `${JSON.stringify(exit)} ${worker.stderrTail()}`),
    ]);
    expect(JSON.parse(answer)).toEqual(['300001,Script execution timed out.,true']);
    worker.channel.write('abort');
    const exit = await worker.exited;
    expect(exit.signal === 'SIGABRT' || exit.signal === 'SIGSEGV').toBe(true);
    expect(worker.stderrTail()).toContain('Native stack trace');
  } finally {
    await walls.close();
  }
});
