/**
 * The engine of Python: interpreters restored from a snapshot ahead of time, rewound after a run that left nothing behind,
 * replaced after any other. All of them, as all of this process, belong to one agent.
 */
import { readFileSync } from 'node:fs';
import type { ExternalCopy, Isolate, Reference } from 'isolated-vm';
import { openDoors } from './doors.ts';
import type { Ivm } from './isolated-vm.ts';
import type { Assets, Engine, GuestBridge, Sandbox } from './sandbox.ts';

/** For JavaScript objects of the glue, scratch files and blocks of workspace files; the linear memory has its own bound. */
const ISOLATE_MIB = 256;
const GLUE = 'cordon:glue';
/** How long interpreters above the stock are kept for a burst that goes on. */
const SURPLUS_MS = 2000;

export interface PythonOptions {
  /** Idle interpreters that are kept for good. */
  stock: number;
}

/** Bytes that every isolate of this process reads in place. */
interface Shared {
  memory: ExternalCopy<SharedArrayBuffer>;
  length: number;
}

/** What an interpreter is made of. */
interface Parts {
  glue: string;
  /** V8's code for the glue, of an interpreter that had booted. */
  glueCode: ExternalCopy<ArrayBuffer> | undefined;
  wasm: Shared;
  stdlib: Shared;
  heap: Shared | undefined;
  state: string;
}

interface Interpreter {
  isolate: Isolate;
  /** Of its linear memory, which never shrinks. */
  bytes: number;
  entries: Reference<Record<string, unknown>>;
  bind(bridge: GuestBridge | undefined): void;
  catastrophe: string | undefined;
}

/** Of Node.js itself, which the types of the language leave out. */
const { Memory } = (globalThis as unknown as { WebAssembly: WebAssemblyOfNode }).WebAssembly;
interface WebAssemblyOfNode {
  Memory: new (size: { initial: number; maximum: number; shared: true }) => { buffer: SharedArrayBuffer };
}

/** `folder` holds glue.js, python.wasm, stdlib.zip and, once made, snapshot.heap, snapshot.code and snapshot.json. */
export function readPython(ivm: Ivm, folder: string, withSnapshot: boolean): Parts {
  // No context has the constructor of shared memory (walls/launcher.ts); a WebAssembly memory can still be some.
  const shared = (name: string): Shared => {
    const bytes = readFileSync(`${folder}/${name}`);
    const pages = Math.ceil(bytes.byteLength / 65_536);
    const { buffer } = new Memory({ initial: pages, maximum: pages, shared: true });
    new Uint8Array(buffer).set(bytes);
    return { memory: new ivm.ExternalCopy(buffer), length: bytes.byteLength };
  };
  return {
    glue: readFileSync(`${folder}/glue.js`, 'utf8'),
    glueCode: withSnapshot ? codeOf(ivm, readFileSync(`${folder}/snapshot.code`)) : undefined,
    wasm: shared('python.wasm'),
    stdlib: shared('stdlib.zip'),
    heap: withSnapshot ? shared('snapshot.heap') : undefined,
    state: withSnapshot ? readFileSync(`${folder}/snapshot.json`, 'utf8') : '',
  };
}

const codeOf = (ivm: Ivm, bytes: Uint8Array) => new ivm.ExternalCopy(bytes.slice().buffer as ArrayBuffer);

/** Boots one interpreter, cold when `parts` have no snapshot. Errors: what broke inside. */
export async function bootInterpreter(ivm: Ivm, assets: Assets, parts: Parts): Promise<Interpreter> {
  let bridge: GuestBridge | undefined;
  const isolate = new ivm.Isolate({
    memoryLimit: ISOLATE_MIB,
    onCatastrophicError: (message) => {
      interpreter.catastrophe = message;
      bridge?.catastrophe();
    },
  });
  const context = await isolate.createContext();
  openDoors(ivm, context, assets, () => bridge);
  const load = async (text: string, filename: string, cachedData?: ExternalCopy<ArrayBuffer>) => {
    const script = await isolate.compileScript(text, { filename, ...(cachedData ? { cachedData } : {}) });
    const value = (await script.run(context, { reference: true })) as Reference<never>;
    script.release();
    return value;
  };
  const entries = (await load(assets.get('python.js'), 'cordon:python')) as unknown as Interpreter['entries'];
  const glue = await load(parts.glue, GLUE, parts.glueCode);
  const boot = (await entries.get('boot', { reference: true })) as Reference;
  const interpreter: Interpreter = {
    isolate,
    bytes: parts.heap?.length ?? 0,
    entries,
    catastrophe: undefined,
    bind(to) {
      bridge = to;
    },
  };
  const { wasm, stdlib, heap, state } = parts;
  const bytes = [wasm, stdlib, heap].flatMap((part) => [part?.memory.copyInto(), part?.length]);
  const given = [glue.derefInto(), ...bytes, state];
  await boot.apply(undefined, given, { result: { promise: true } });
  boot.release();
  glue.release();
  return interpreter;
}

/** V8's code for the glue as an isolate has it that booted with it. */
export async function glueCode({ isolate }: Interpreter, { glue }: Parts): Promise<Uint8Array> {
  const script = await isolate.compileScript(glue, { filename: GLUE, produceCachedData: true });
  return new Uint8Array(
    (script as { cachedData?: ExternalCopy<ArrayBuffer> }).cachedData?.copy() ?? new ArrayBuffer(0),
  );
}

/**
 * Keeps the compiled module for as long as this process lives: isolates share it, but V8 forgets it with the last one.
 * The isolate that holds it never runs anything else.
 */
function keepCompiled(ivm: Ivm, { wasm }: Parts): Isolate {
  const isolate = new ivm.Isolate({ memoryLimit: ISOLATE_MIB });
  const context = isolate.createContextSync();
  const compile = 'globalThis.kept = new WebAssembly.Module(new Uint8Array($0, 0, $1))';
  context.evalClosureSync(compile, [wasm.memory.copyInto(), wasm.length]);
  return isolate;
}

export function createPython(ivm: Ivm, assets: Assets, folder: string, options: PythonOptions): Engine {
  const parts = readPython(ivm, folder, true);
  const keeper = keepCompiled(ivm, parts);
  /** The last used one last. */
  const idle: Interpreter[] = [];
  let shrinking = false;
  const waiting: { resolve(interpreter: Interpreter): void; reject(error: unknown): void }[] = [];
  /** Being made or rewound: each will be idle, or is replaced. */
  let coming = 0;
  /** The fewest that were idle since the last look. */
  let leastIdle = 0;

  function arrived(interpreter: Interpreter): void {
    coming--;
    const first = waiting.shift();
    if (first) return first.resolve(interpreter);
    idle.push(interpreter);
    if (idle.length > options.stock && !shrinking) setTimeout(shrink, SURPLUS_MS);
    shrinking ||= idle.length > options.stock;
  }

  /** Those that a burst of runs needed and the next runs do not. Not at once: the burst may go on. */
  function shrink(): void {
    for (const surplus of idle.splice(0, Math.max(0, leastIdle - options.stock))) surplus.isolate.dispose();
    leastIdle = idle.length;
    shrinking = idle.length > options.stock;
    if (shrinking) setTimeout(shrink, SURPLUS_MS);
  }

  function make(): void {
    coming++;
    bootInterpreter(ivm, assets, parts).then(arrived, (error: unknown) => {
      coming--;
      waiting.shift()?.reject(error);
    });
  }

  /** As many on their way as wait, and at least one for the next run. */
  function refill(): void {
    const wanted = Math.max(waiting.length, idle.length === 0 ? 1 : 0);
    while (coming < wanted) make();
  }

  function rewind(interpreter: Interpreter): void {
    coming++;
    const rewound = interpreter.entries
      .get('rewind', { reference: true })
      .then((entry) => (entry as Reference).apply(undefined, []));
    rewound.then(
      (refusal) => {
        if (refusal === undefined) return arrived(interpreter);
        discard();
      },
      () => discard(),
    );
    function discard(): void {
      coming--;
      if (!interpreter.isolate.isDisposed) interpreter.isolate.dispose();
      refill();
    }
  }

  async function sandboxOf(interpreter: Interpreter): Promise<Sandbox> {
    const { isolate, entries } = interpreter;
    const start = (await entries.get('start', { reference: true })) as Reference;
    const from = isolate.cpuTime;
    return {
      isolate,
      get catastrophe() {
        return interpreter.catastrophe;
      },
      bind: interpreter.bind,
      start: (program) => start.apply(undefined, [program]),
      clockMs: () => Number(isolate.cpuTime - from) / 1e6,
      memoryBytes: () => {
        const linear = (entries.getSync('memoryBytes', { reference: true }) as Reference).applySync(undefined, []);
        interpreter.bytes = Number(linear);
        return interpreter.bytes + isolate.getHeapStatisticsSync().total_heap_size;
      },
      retire(clean) {
        interpreter.bind(undefined);
        start.release();
        if (clean && !isolate.isDisposed) return rewind(interpreter);
        if (!isolate.isDisposed) isolate.dispose();
        refill();
      },
    };
  }

  return {
    async open() {
      if (keeper.isDisposed) throw new Error('the compiled module was lost');
      await new Promise<void>((resolve, reject) => {
        waiting.push({
          resolve(interpreter) {
            idle.push(interpreter);
            resolve();
          },
          reject,
        });
        refill();
      });
    },
    async take(ramBytes) {
      // Not one that an earlier run made larger than this one may be.
      leastIdle = Math.min(leastIdle, Math.max(0, idle.length - 1));
      const fits = idle.findLastIndex(({ bytes }) => bytes <= Math.max(ramBytes, parts.heap?.length ?? 0));
      const interpreter =
        idle.splice(fits, fits < 0 ? 0 : 1)[0] ??
        (await new Promise<Interpreter>((resolve, reject) => {
          waiting.push({ resolve, reject });
          refill();
        }));
      return sandboxOf(interpreter);
    },
    async prepare({ code }) {
      return { program: { path: '/workspace/main.py', code } };
    },
    idle() {},
    steady: () => coming === 0,
  };
}
