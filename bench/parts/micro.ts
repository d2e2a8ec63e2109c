/**
 * Parts that run in one process, with tinybench. What goes over HTTP is measured by the clock in rounds instead: tinybench
 * would run the client, its server and its statistics on one event loop, one subject after the other.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { Bench } from 'tinybench';
import { runBody } from '../../api/run-request.ts';
import { validate } from '../../api/validate.ts';
import { newId } from '../../runtime/ids.ts';
import { codeSha256 } from '../../runtime/run/code-hash.ts';
import { encodeFrame, frameReader } from '../../runtime/sandbox/frames.ts';
import { parseGuestEnd } from '../../runtime/sandbox/guest-end.ts';
import { parseWorkerMessage } from '../../runtime/sandbox/isolate/protocol.ts';
import { openStore } from '../../runtime/store/lmdb-store.ts';
import type { Lab, Part } from '../lab.ts';

const body = JSON.stringify({ agent: 'default', language: 'javascript', code: '1+1' });
const ended = {
  t: 'ended',
  run: newId('run', 0),
  end: '{"status":"succeeded","result":2}',
  cpuMs: 0.3,
  ramPeakBytes: 1_000_000,
  unclean: false,
};
const value = { id: ended.run, tenant: 'default', status: 'succeeded', stdout: 'x'.repeat(1000) };

export async function micro(lab: Lab): Promise<Part> {
  const store = await openStore({ dir: lab.processes.folder(), durability: 'disk', minimumFreeBytes: 0 });
  const bench = new Bench({ time: Math.min(500, lab.scale.loadMs / 2), warmupTime: 100 });
  const feed = frameReader(1_000_000, () => {});
  const put = () => store.transaction((tx) => tx.put(['bench', newId('run', 0)], value));
  bench
    .add('frame: encode and read', () => feed(encodeFrame(ended)))
    .add('frame: check the end of a run', () => {
      const message = parseWorkerMessage(ended);
      if (message.t === 'ended') parseGuestEnd(message.end as string);
    })
    .add('request: parse and validate', () => void validate(runBody, JSON.parse(body), 'body'))
    .add('request: hash of the code', () => void codeSha256('1+1'))
    .add('store: one flushed transaction', async () => void (await put()))
    .add(
      'store: 16 flushed transactions at once',
      async () => void (await Promise.all(Array.from({ length: 16 }, put))),
    );
  await bench.run();
  await store.close();

  const rows = bench.tasks.map((task) => {
    const latency = 'latency' in task.result ? task.result.latency : undefined;
    return [task.name, latency && latency.p50 * 1000, latency && latency.p99 * 1000];
  });
  rows.push(['isolate: make one with the prelude', await isolateMicros(lab), undefined]);
  return {
    data: Object.fromEntries(rows.map(([name, p50, p99]) => [name, { p50Micros: p50, p99Micros: p99 }])),
    tables: [{ title: 'In one process, microseconds', columns: ['', 'p50', 'p99'], rows }],
  };
}

async function isolateMicros(lab: Lab): Promise<number> {
  const child = spawn(
    process.execPath,
    ['--no-node-snapshot', join(import.meta.dirname, 'isolate-process.ts'), 'time'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  lab.processes.add(child);
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  await new Promise((resolve) => child.once('close', resolve));
  return (JSON.parse(text) as { micros: number }).micros;
}
