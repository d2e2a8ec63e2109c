/**
 * The naive bound: `node --no-node-snapshot bench/peers/naive.ts PORT`. Hono and a fresh isolate per request, in process,
 * nothing else: no key, no store, no wall, no worker. `/hello` answers a constant: what HTTP and the load client cost.
 */
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import ivm from 'isolated-vm';

const app = new Hono();

app.post('/hello', async (c) => {
  await c.req.text();
  return c.json({ result: 2 });
});

app.post('/run', async (c) => {
  const code = await c.req.text();
  const isolate = new ivm.Isolate({ memoryLimit: 64 });
  const context = await isolate.createContext();
  const result = await context.eval(`(()=>{${code}})()`, { timeout: 1000, copy: true });
  const cpuMs = Number(isolate.cpuTime) / 1e6;
  isolate.dispose();
  return c.json({ result, cpuMs });
});

serve({ fetch: app.fetch, port: Number(process.argv[2]), hostname: '127.0.0.1' });
