/**
 * A process of its own with interpreters in isolates, as a Python worker has them: `python-process.ts FOLDER`. Answers what
 * python-children.ts asks. One interpreter stays: V8 keeps the compiled module as long as an isolate has it.
 */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Reference } from 'isolated-vm';
import { cachedAssets, installationCache } from '../../runtime/sandbox/isolate/asset-cache.ts';
import { pythonFiles } from '../../runtime/sandbox/isolate/python/files.ts';
import { pythonSnapshot } from '../../runtime/sandbox/isolate/python/snapshot.ts';
import type { Ivm } from '../../runtime/sandbox/isolate/worker/isolated-vm.ts';
import { bootInterpreter, readPython } from '../../runtime/sandbox/isolate/worker/python.ts';
import type { GuestBridge } from '../../runtime/sandbox/isolate/worker/sandbox.ts';
import { defaultLimits } from '../../runtime/sandbox/limits.ts';
import { pssBytes } from '../process-figures.ts';
import { answerQuestions, timed } from './python-children.ts';

const ivm = createRequire(import.meta.url)('isolated-vm') as Ivm;
const texts = await cachedAssets();
const assets = { get: (name: string) => String(texts.get(name) ?? '') };
const parts = readPython(ivm, join(await layFiles(process.argv[2] as string), 'python'), true);
const boot = () => bootInterpreter(ivm, assets, parts);
const kept = await boot();

/** What the jail folder of a worker holds of Python. Errors: the service has made no snapshot of this version. */
async function layFiles(folder: string): Promise<string> {
  const { files, fingerprint } = pythonFiles(assets.get('python.js'));
  const none = () => {
    throw new Error(`no snapshot of this version in ${installationCache}`);
  };
  const { heap, code, state } = await pythonSnapshot({ spawn: none }, fingerprint, [installationCache]);
  const snapshot = { 'python/snapshot.heap': { from: heap }, 'python/snapshot.code': { from: code } };
  for (const [path, content] of [...files, ...Object.entries(snapshot), ['python/snapshot.json', state] as const]) {
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    if (typeof content === 'string' || content instanceof Uint8Array) writeFileSync(target, content);
    else symlinkSync(content.from, target);
  }
  return folder;
}

answerQuestions({
  /** Fresh interpreters, each gone before the next. */
  async restore(count) {
    const times = [];
    for (let at = 0; at < count; at++) {
      const { value, ...time } = await timed(boot);
      value.isolate.dispose();
      times.push(time);
    }
    return times;
  },

  /** Runs in the one that stays, each followed by the rewind. Errors: it was not rewound. */
  async run(count) {
    const bridge: GuestBridge = {
      post() {},
      ask: async () => ({ json: '{"ok":false,"error":{"name":"Error","message":"There is no host here"}}' }),
      crossed() {},
      catastrophe() {},
    };
    kept.bind(bridge);
    const entry = async (name: string) => (await kept.entries.get(name, { reference: true })) as Reference;
    const [start, rewind] = [await entry('start'), await entry('rewind')];
    const program = JSON.stringify({ path: '/workspace/main.py', code: 'sum(range(100))', limits: defaultLimits });
    const times = [];
    for (let at = 0; at < count; at++) {
      const run = await timed(() => start.apply(undefined, [program]));
      if (!String(run.value).includes('4950')) throw new Error(`a wrong end: ${run.value}`);
      const rewound = await timed(() => rewind.apply(undefined, []));
      if (rewound.value !== undefined) throw new Error(`not rewound: ${rewound.value}`);
      times.push({ runMs: run.wallMs, rewindMs: rewound.wallMs });
    }
    return times;
  },

  /** What one more idle interpreter takes, in bytes; undefined where the kernel hides it. */
  async memory(count) {
    const before = pssBytes(process.pid);
    const pool = [];
    for (let at = 0; at < count; at++) pool.push(await boot());
    const after = pssBytes(process.pid);
    for (const { isolate } of pool) isolate.dispose();
    return before === undefined || after === undefined ? undefined : (after - before) / count;
  },
});
