/** Isolates made ahead while the worker is idle, so that a run does not wait the millisecond that one costs. */
import type { Context, ExternalCopy, Isolate, Reference } from 'isolated-vm';
import type { Ivm } from './isolated-vm.ts';

/** An isolate with the prelude in it and nothing of any run. */
export interface BlankIsolate {
  isolate: Isolate;
  context: Context;
  ramMiB: number;
  start: Reference;
  deliver: Reference;
  bind(bridge: GuestBridge): void;
  dispose(): void;
  /** V8 lost control over it: the process is to be replaced. */
  catastrophe: string | undefined;
}

/** What the prelude's doors lead to once the isolate belongs to a run. */
export interface GuestBridge {
  post(json: string, bytes: ArrayBuffer | undefined): void;
  ask(json: string, bytes: ArrayBuffer | undefined): Promise<{ json: string; bytes?: ArrayBuffer }>;
  /** The guest called this process: its time here is on the guest's account. */
  crossed(): void;
  catastrophe(): void;
}

export interface Assets {
  get(name: string): string;
}

const MiB = 1024 * 1024;
const PRELUDE = 'cordon:prelude';

export function createBlankIsolates(ivm: Ivm, assets: Assets, options: { stock: number; ramBytes: number }) {
  const defaultMiB = Math.ceil(options.ramBytes / MiB);
  const stock: BlankIsolate[] = [];
  const prelude = assets.get('prelude.js');
  let cachedData: ExternalCopy<ArrayBuffer> | undefined;
  cachedData = warmCode();

  function make(ramMiB: number): BlankIsolate {
    let bridge: GuestBridge | undefined;
    const isolate = new ivm.Isolate({
      memoryLimit: ramMiB,
      onCatastrophicError: (message) => {
        blank.catastrophe = message;
        bridge?.catastrophe();
      },
    });
    const context = isolate.createContextSync();
    const doors = openDoors(isolate, context, () => bridge);
    const blank: BlankIsolate = {
      isolate,
      context,
      ramMiB,
      start: doors.getSync('start', { reference: true }) as Reference,
      deliver: doors.getSync('deliver', { reference: true }) as Reference,
      bind: (to) => {
        bridge = to;
      },
      dispose: () => {
        if (!isolate.isDisposed) isolate.dispose();
      },
      catastrophe: undefined,
    };
    doors.release();
    return blank;
  }

  /** Sets the doors on the global, where the prelude takes and deletes them. Errors never cross: they would show host frames. */
  function openDoors(isolate: Isolate, context: Context, bridge: () => GuestBridge | undefined): Reference {
    const { global } = context;
    const ask = async (json: string, bytes?: ArrayBuffer) => {
      bridge()?.crossed();
      const answer = await bridge()?.ask(json, bytes);
      if (answer?.bytes === undefined) return answer?.json;
      return new ivm.ExternalCopy({ json: answer.json, bytes: answer.bytes }).copyInto({ release: true });
    };
    const post = (json: string, bytes?: ArrayBuffer) => {
      bridge()?.crossed();
      bridge()?.post(json, bytes);
    };
    const counted =
      <A, R>(answer: (given: A) => R) =>
      (given: A) => {
        bridge()?.crossed();
        return answer(given);
      };
    global.setSync('$post', new ivm.Callback(post, { ignored: true }));
    global.setSync('$ask', new ivm.Reference(ask));
    global.setSync('$asset', new ivm.Callback(counted((name: string) => assets.get(`lazy/${name}.js`))));
    global.setSync('$now', new ivm.Callback(counted(() => performance.now())));
    global.setSync('$random', new ivm.Callback(counted(randomArrayBuffer)));
    const script = isolate.compileScriptSync(prelude, { filename: PRELUDE, ...(cachedData ? { cachedData } : {}) });
    return script.runSync(context, { reference: true }) as unknown as Reference;
  }

  /**
   * The prelude's compiled code with everything in it that a run compiles from its start to its end: taken after one,
   * since V8 compiles functions when they are first called. Halves what a blank isolate costs over an empty one.
   */
  function warmCode(): ExternalCopy<ArrayBuffer> | undefined {
    const isolate = new ivm.Isolate({ memoryLimit: defaultMiB });
    const context = isolate.createContextSync();
    const doors = openDoors(isolate, context, () => undefined);
    const start = doors.getSync('start', { reference: true }) as Reference;
    start.applySync(undefined, [JSON.stringify(warmUpProgram)]);
    const script = isolate.compileScriptSync(prelude, { filename: PRELUDE, produceCachedData: true });
    const code = (script as { cachedData?: ExternalCopy<ArrayBuffer> }).cachedData;
    isolate.dispose();
    return code;
  }

  return {
    /** A blank isolate with this memory limit: from the stock when it fits, else made now. */
    take(ramBytes: number): BlankIsolate {
      const ramMiB = Math.ceil(ramBytes / MiB);
      return (ramMiB === defaultMiB ? stock.pop() : undefined) ?? make(ramMiB);
    },
    /** Makes one when the stock is short; true when it is still short after that. Call while idle. */
    refill(): boolean {
      if (stock.length < options.stock) stock.push(make(defaultMiB));
      return stock.length < options.stock;
    },
  };
}

export type BlankIsolates = ReturnType<typeof createBlankIsolates>;

const warmUpProgram = {
  path: '/workspace/main.js',
  code: '(function(){"use strict";console.log(1);return 1+1\n})//still',
  kind: 'esm',
  imports: [],
  hasDefault: false,
  hasResult: true,
  limits: { resultBytes: 1024, outputBytes: 1024 },
};

/** Entropy for the guest, at most 64 KiB at a time, as `crypto.getRandomValues`. */
function randomArrayBuffer(length: number): ArrayBuffer {
  const bytes = new Uint8Array(Math.min(Math.max(0, Math.trunc(length)), 65_536));
  return crypto.getRandomValues(bytes).buffer;
}
