/** Isolates made ahead while the worker is idle, so that a run does not wait the millisecond that one costs. */
import type { Context, ExternalCopy, Isolate, Reference } from 'isolated-vm';
import { openDoors } from './doors.ts';
import type { Ivm } from './isolated-vm.ts';
import type { Assets, GuestBridge, Sandbox } from './sandbox.ts';

const MiB = 1024 * 1024;
const PRELUDE = 'cordon:prelude';

export function createBlankIsolates(ivm: Ivm, assets: Assets, options: { stock: number; ramBytes: number }) {
  const defaultMiB = Math.ceil(options.ramBytes / MiB);
  const stock: Sandbox[] = [];
  const prelude = assets.get('prelude.js');
  let cachedData: ExternalCopy<ArrayBuffer> | undefined;
  cachedData = warmCode();

  /** An isolate with the prelude in it and nothing of any run. */
  function make(ramMiB: number): Sandbox {
    let bridge: GuestBridge | undefined;
    const isolate = new ivm.Isolate({
      memoryLimit: ramMiB,
      onCatastrophicError: (message) => {
        blank.catastrophe = message;
        bridge?.catastrophe();
      },
    });
    const context = isolate.createContextSync();
    const entries = runPrelude(isolate, context, () => bridge);
    const start = entries.getSync('start', { reference: true }) as Reference;
    const deliver = entries.getSync('deliver', { reference: true }) as Reference;
    entries.release();
    const blank: Sandbox = {
      isolate,
      catastrophe: undefined,
      bind: (to) => {
        bridge = to;
      },
      start: (program) => start.apply(undefined, [program], { result: { promise: true } }),
      deliver: (message, bytes) =>
        deliver.apply(undefined, bytes === undefined ? [message] : [message, bytes], { arguments: { copy: true } }),
      clockMs: () => Number(isolate.cpuTime) / 1e6,
      memoryBytes() {
        const heap = isolate.getHeapStatisticsSync();
        return heap.total_heap_size + heap.externally_allocated_size + heap.malloced_memory;
      },
      retire: () => {
        if (!isolate.isDisposed) isolate.dispose();
      },
    };
    return blank;
  }

  /** Answers {start, deliver}. */
  function runPrelude(isolate: Isolate, context: Context, bridge: () => GuestBridge | undefined): Reference {
    openDoors(ivm, context, assets, bridge);
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
    const start = runPrelude(isolate, context, () => undefined).getSync('start', { reference: true }) as Reference;
    start.applySync(undefined, [JSON.stringify(warmUpProgram)]);
    const script = isolate.compileScriptSync(prelude, { filename: PRELUDE, produceCachedData: true });
    const code = (script as { cachedData?: ExternalCopy<ArrayBuffer> }).cachedData;
    isolate.dispose();
    return code;
  }

  return {
    /** A blank isolate with this memory limit: from the stock when it fits, else made now. */
    take(ramBytes: number): Sandbox {
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
