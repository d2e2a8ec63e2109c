/**
 * What the architecture itself costs: `node bench/peers/split.ts PORT FOLDER`. The naive bound, but each agent's isolates
 * are in a process of its own, made ahead; under `/durable` the record of a run is flushed to disk before the answer, as an
 * acknowledgement must be. Under `/prelude` also with what Cordon's guests may use. Nothing else: no key, no wall, no limit,
 * no quota, no event.
 * `/one`: one agent, a second process when the first is at work. `/sixteen`: sixteen agents in turn.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { open } from 'lmdb';

const [port, folder] = [Number(process.argv[2]), process.argv[3] as string];
const db = open({ path: folder, overlappingSync: false });

interface Worker {
  running: number;
  run(code: string): Promise<{ result: unknown; cpuMs: number }>;
}

function startWorker(what: 'bare' | 'prelude'): Worker {
  const program = join(import.meta.dirname, 'split-worker.ts');
  const child = spawn(process.execPath, ['--no-node-snapshot', program, what], {
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  });
  const channel = child.stdio[3] as Duplex;
  const waiting = new Map<number, (answer: { result: unknown; cpuMs: number }) => void>();
  let last = 0;
  createInterface({ input: channel }).on('line', (line) => {
    const { id, ...answer } = JSON.parse(line);
    waiting.get(id)?.(answer);
    waiting.delete(id);
    worker.running--;
  });
  const worker: Worker = {
    running: 0,
    run(code) {
      worker.running++;
      return new Promise((resolve) => {
        waiting.set(++last, resolve);
        channel.write(`${JSON.stringify({ id: last, code })}\n`);
      });
    },
  };
  return worker;
}

const workers = {
  bare: Array.from({ length: 16 }, () => startWorker('bare')),
  prelude: Array.from({ length: 16 }, () => startWorker('prelude')),
};
let turn = 0;
const pick: Record<string, (from: Worker[]) => Worker> = {
  one: ([first, second]) => ((second as Worker).running < (first as Worker).running ? second : first) as Worker,
  sixteen: (from) => from[turn++ % from.length] as Worker,
};

const app = new Hono();
let runs = 0;
app.post('/:agents/:how', async (c) => {
  const code = await c.req.text();
  const how = c.req.param('how');
  const choose = pick[c.req.param('agents')] as (from: Worker[]) => Worker;
  const answer = await choose(how === 'prelude' ? workers.prelude : workers.bare).run(code);
  if (how !== 'forgotten')
    await db.put(++runs, JSON.stringify({ code, ...answer, at: new Date().toISOString() }).padEnd(1500));
  return c.json(answer);
});

serve({ fetch: app.fetch, port, hostname: '127.0.0.1' });
