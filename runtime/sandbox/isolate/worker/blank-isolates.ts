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
  catastrophe(): void;
}

export interface Assets {
  get(name: string): string;
}

const MiB = 1024 * 1024;
/** A guest that posts faster than this process reads must wait now and then, or the queue between them would eat the host side's memory. */
const POSTS_BEFORE_WAITING = 256;
const CHARS_BEFORE_WAITING = 256 * 1024;

/** Runs before the prelude: turns the one-way door into one with back-pressure. */
const doorGlue = `(() => {
  const post = $rawPost, drain = $drain;
  let posts = 0, chars = 0;
  globalThis.$post = (json, bytes) => {
    chars += json.length + (bytes === undefined ? 0 : bytes.byteLength);
    post(json, bytes);
    if (++posts >= ${POSTS_BEFORE_WAITING} || chars >= ${CHARS_BEFORE_WAITING}) { posts = chars = 0; drain(); }
  };
  delete globalThis.$rawPost; delete globalThis.$drain;
})();`;

export function createBlankIsolates(ivm: Ivm, assets: Assets, options: { stock: number; ramBytes: number }) {
  const defaultMiB = Math.ceil(options.ramBytes / MiB);
  const stock: BlankIsolate[] = [];
  const prelude = doorGlue + assets.get('prelude.js');
  let cachedData: ExternalCopy<ArrayBuffer> | undefined;

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
    const global = context.global;
    const ask = (json: string, bytes?: ArrayBuffer) => bridge?.ask(json, bytes);
    global.setSync('$rawPost', new ivm.Callback((json: string, bytes?: ArrayBuffer) => bridge?.post(json, bytes), { ignored: true }));
    global.setSync('$drain', new ivm.Callback(() => undefined));
    global.setSync('$ask', new ivm.Reference(ask));
    global.setSync('$asset', new ivm.Callback((name: string) => assets.get(`lazy/${name}.js`)));
    global.setSync('$now', new ivm.Callback(() => performance.now()));
    global.setSync('$random', new ivm.Callback(randomArrayBuffer));
    const script = isolate.compileScriptSync(prelude, {
      filename: 'cordon:prelude',
      ...(cachedData ? { cachedData } : { produceCachedData: true }),
    });
    const doors = script.runSync(context, { reference: true }) as unknown as Reference<{ start: unknown; deliver: unknown }>;
    cachedData ??= (script as { cachedData?: ExternalCopy<ArrayBuffer> }).cachedData;
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

/** Entropy for the guest, at most 64 KiB at a time, as `crypto.getRandomValues`. */
function randomArrayBuffer(length: number): ArrayBuffer {
  const bytes = new Uint8Array(Math.min(Math.max(0, Math.trunc(length)), 65_536));
  return crypto.getRandomValues(bytes).buffer;
}
