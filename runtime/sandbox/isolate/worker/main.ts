/**
 * The worker process: hosts the sandboxes of ONE agent, in one engine. It holds no secret and, inside its walls, reaches
 * nothing but the host's channel. It lies in the jail folder as worker-files.ts laid it out.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Limits } from '../../limits.ts';
import type { HostMessage } from '../protocol.ts';
import { createBlankIsolates } from './blank-isolates.ts';
import { openChannel } from './channel.ts';
import { watchCounts } from './count-watch.ts';
import { type GuestRun, startGuestRun } from './guest-run.ts';
import { loadIsolatedVm } from './isolated-vm.ts';
import { createJavaScript } from './javascript.ts';
import { createPython } from './python.ts';
import { createTransformer } from './transformer.ts';

export interface WorkerOptions {
  /** Blank isolates kept ready. */
  stock: number;
  /** Idle interpreters kept ready. */
  pythonStock: number;
  /** Memory of a blank isolate: the default limit of a run. */
  ramBytes: number;
  /** Defaults of a run. */
  limits: Limits;
}

const root = join(import.meta.dirname, '../../../..');
const isPython = process.argv[2] === 'python';
const options = JSON.parse(readFileSync(join(root, 'worker-options.json'), 'utf8')) as WorkerOptions;
const ivm = loadIsolatedVm(join(root, 'native/isolated-vm.node'));
const assets = readAssets(join(root, 'assets'));
const engine = isPython
  ? createPython(ivm, assets, join(root, 'python'), { stock: options.pythonStock })
  : createJavaScript(createBlankIsolates(ivm, assets, options));
const transformer = createTransformer(ivm, assets);
const WARM_UP_RUNS = isPython ? 2 : 16;
let agentCame = false;
const runs = new Map<string, GuestRun>();
const channel = openChannel(receive);
const counts = watchCounts(
  runs,
  {
    onGrowth: (run, bytes) => channel.send({ t: 'growth', run, bytes }),
    onWaiting: (run, waiting) => channel.send({ t: 'waiting', run, waiting }),
  },
  engine.steady,
);

function receive(message: HostMessage, bytes: Buffer | undefined): void {
  if (message.t === 'reply') return runs.get(message.run)?.reply(message.id, message.reply, bytes);
  if (message.t === 'stop') return runs.get(message.run)?.stop();
  agentCame = true;
  const { run } = message;
  const onEnd = (ended: object) => {
    runs.delete(run);
    counts.ended(run);
    channel.send({ t: 'ended', run, ...ended } as never);
    engine.idle();
  };
  counts.started(run, message.limits);
  runs.set(run, startGuestRun(message, { engine, transformer, channel, used: () => counts.used(run), onEnd }));
}

function readAssets(folder: string) {
  const read = new Map<string, string>();
  return {
    get(name: string): string {
      if (!/^[\w/.-]+$/.test(name) || name.includes('..')) return '';
      let text = read.get(name);
      if (text === undefined) {
        try {
          text = readFileSync(`${folder}/${name}`, 'utf8');
        } catch {
          text = '';
        }
        read.set(name, text);
      }
      return text;
    },
  };
}

/**
 * Programs of our own, run while the worker waits for its agent: the first runs of a process take several times as long as
 * later ones, since V8 compiles as it goes. Ends at the first real run.
 */
function warmUp(round: number): void {
  if (round === WARM_UP_RUNS || agentCame) return;
  const run = 'warm-up';
  const onEnd = () => {
    runs.delete(run);
    counts.ended(run);
    engine.idle();
    setImmediate(warmUp, round + 1);
  };
  const language = isPython ? 'python' : 'javascript';
  const code = isPython ? '1+1' : `${round};1+1`;
  const message = { t: 'start', run, language, code, limits: options.limits } as const;
  counts.started(run, message.limits);
  const mute = { send() {} };
  runs.set(run, startGuestRun(message, { engine, transformer, channel: mute, used: () => counts.used(run), onEnd }));
}

if (!isPython) transformer.warm();
await engine.open();
channel.send({ t: 'ready' });
setImmediate(warmUp, 0);
