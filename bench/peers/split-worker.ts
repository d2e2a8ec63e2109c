/** A process of `split.ts` that runs code: isolates made ahead, the answer first, then a new one. Lines of JSON on descriptor 3. */
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import ivm from 'isolated-vm';

/** As many as a worker of Cordon keeps. */
const STOCK = 4;

interface Blank {
  isolate: ivm.Isolate;
  context: ivm.Context;
}

const stock: Blank[] = [];
const channel = new Socket({ fd: 3, readable: true, writable: true });
channel.on('close', () => process.exit(0));

function make(): Blank {
  const isolate = new ivm.Isolate({ memoryLimit: 64 });
  return { isolate, context: isolate.createContextSync() };
}

function refill(): void {
  if (stock.length >= STOCK) return;
  stock.push(make());
  setImmediate(refill);
}

createInterface({ input: channel }).on('line', async (line) => {
  const { id, code } = JSON.parse(line) as { id: number; code: string };
  const { isolate, context } = stock.pop() ?? make();
  const result = await context.eval(`(()=>{${code}})()`, { timeout: 1000, copy: true });
  const cpuMs = Number(isolate.cpuTime) / 1e6;
  channel.write(`${JSON.stringify({ id, result, cpuMs })}\n`);
  isolate.dispose();
  setImmediate(refill);
});
refill();
