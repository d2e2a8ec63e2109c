/**
 * A process of `split.ts` that runs code: isolates made ahead, the answer first, then a new one. Lines of JSON on descriptor
 * 3. With the argument `prelude` they are Cordon's blank isolates, with all that guests may use.
 */
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import ivm from 'isolated-vm';
import { cachedAssets } from '../../runtime/sandbox/isolate/asset-cache.ts';
import { createBlankIsolates } from '../../runtime/sandbox/isolate/worker/blank-isolates.ts';

/** As many as a worker of Cordon keeps. */
const STOCK = 4;
const MiB = 1024 * 1024;
const limits = { resultBytes: MiB, outputBytes: MiB };

type Blank = (code: string) => Promise<{ result: unknown; cpuMs: number }>;

function bare(): Blank {
  const isolate = new ivm.Isolate({ memoryLimit: 64 });
  const context = isolate.createContextSync();
  return async (code) => {
    const result = await context.eval(`(()=>{${code}})()`, { timeout: 1000, copy: true });
    const cpuMs = Number(isolate.cpuTime) / 1e6;
    setImmediate(() => isolate.dispose());
    return { result, cpuMs };
  };
}

async function preludes(): Promise<() => Blank> {
  const assets = await cachedAssets();
  const isolates = createBlankIsolates(
    ivm as never,
    { get: (name) => assets.get(name) ?? '' },
    { stock: 0, ramBytes: 64 * MiB },
  );
  const nobody = { post() {}, ask: async () => ({ json: '{}' }), crossed() {}, catastrophe() {} };
  return () => {
    const sandbox = isolates.take(64 * MiB);
    sandbox.bind(nobody);
    return async (code) => {
      const program = { path: '/workspace/main.js', code: `(function(){"use strict";${code}\n})//still`, limits };
      const { result } = JSON.parse(String(await sandbox.start(JSON.stringify(program))));
      const cpuMs = sandbox.clockMs();
      setImmediate(() => sandbox.retire(true));
      return { result, cpuMs };
    };
  };
}

const make = process.argv[2] === 'prelude' ? await preludes() : bare;
const stock: Blank[] = [];
const channel = new Socket({ fd: 3, readable: true, writable: true });
channel.on('close', () => process.exit(0));

function refill(): void {
  if (stock.length >= STOCK) return;
  stock.push(make());
  setImmediate(refill);
}

createInterface({ input: channel }).on('line', async (line) => {
  const { id, code } = JSON.parse(line) as { id: number; code: string };
  const run = stock.pop() ?? make();
  channel.write(`${JSON.stringify({ id, ...(await run(code)) })}\n`);
  setImmediate(refill);
});
refill();
