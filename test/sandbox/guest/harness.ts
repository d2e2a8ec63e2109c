/** Guests in real isolates over a file system in a Map: what the worker does, as small as it can be. */
import { randomBytes } from 'node:crypto';
import ivm from 'isolated-vm';
import { buildAssets } from '../../../runtime/sandbox/isolate/assets.ts';
import { answer, createFiles, type Files, HostError, WithBytes } from './host.ts';

export interface Ended {
  status: string;
  result?: unknown;
  resultType?: string;
  exitCode?: number;
  error?: { name: string; message: string; stack?: string; limit?: string };
  stdout: string;
  stderr: string;
  displays: { mime: string; data: string }[];
  output: { stream: string; text: string }[];
  files: Files;
  memory: Map<string, { value: unknown; revision: number }>;
  calls: string[];
  /** Lazy bundles in the order in which they were loaded. */
  bundles: string[];
}

export interface RunOptions {
  path?: string;
  input?: unknown;
  files?: Record<string, string>;
  limits?: Record<string, number>;
  memoryMiB?: number;
  timeoutMs?: number;
  /** The host's answers to single operations, instead of those over the Map; bytes come in a `WithBytes`. */
  host?: Record<string, (args: any, bytes?: ArrayBuffer) => unknown>;
}

let assets: Promise<Map<string, string>> | undefined;
export const assetTexts = () => (assets ??= buildAssets());

export interface Transformer {
  transform(path: string, source: string, role: 'main' | 'module'): any;
}

let transformer: Promise<Transformer> | undefined;
/** The transformer's isolate, shared by all tests of a process. */
export const sharedTransformer = () => (transformer ??= createTransformer());

export async function createTransformer(): Promise<Transformer> {
  const texts = await assetTexts();
  const isolate = new ivm.Isolate({ memoryLimit: 256 });
  const context = isolate.createContextSync();
  context.evalSync(texts.get('transformer.js')!);
  const transform = context.global.getSync('transform', { reference: true });
  const once = (request: string) => JSON.parse(transform.applySync(undefined, [request]) as string);
  return {
    transform(path, source, role) {
      const request = JSON.stringify({ path, source, role });
      const first = once(request);
      if (first.needs !== 'typescript.js') return first;
      context.evalSync(texts.get('typescript.js')!);
      return once(request);
    },
  };
}

/** Runs one program to its end and tells everything it did. */
export async function run(source: string, options: RunOptions = {}): Promise<Ended> {
  const texts = await assetTexts();
  const transformer = await sharedTransformer();
  const path = options.path ?? '/workspace/main.ts';
  const files = createFiles(options.files ?? {});
  const memory = new Map<string, { value: unknown; revision: number }>();
  const ended: Ended = {
    status: '',
    stdout: '',
    stderr: '',
    displays: [],
    output: [],
    files,
    memory,
    calls: [],
    bundles: [],
  };
  const program = transformer.transform(path, source, 'main');
  if (!program.ok) return { ...ended, status: 'failed', error: program.error };

  const isolate = new ivm.Isolate({ memoryLimit: options.memoryMiB ?? 128 });
  const timers = new Map<number, NodeJS.Timeout | NodeJS.Immediate>();
  let settle: (end: string) => void = () => {};
  const end = new Promise<string>((resolve) => {
    settle = resolve;
  });
  // Once a task was rejected, only the answer to {unhandled} is the end.
  let failing = false;
  const finish = (text: string) => {
    if (!failing) settle(text);
  };
  const loaded = (request: { specifier: string; referrer: string }) => {
    const { specifier, referrer } = request;
    const base = specifier.startsWith('/') ? 'file://' : `file://${referrer}`;
    if (!/^\.{0,2}\//.test(specifier))
      throw new HostError('Error', `Cannot find package '${specifier}'`, 'ERR_MODULE_NOT_FOUND');
    const wanted = decodeURIComponent(new URL(specifier, base).pathname);
    const found = [wanted, `${wanted}.ts`, `${wanted}.js`, `${wanted}.json`].find((name) => files.has(name));
    if (!found)
      throw new HostError(
        'Error',
        `Cannot find module '${specifier}' imported from ${referrer}`,
        'ERR_MODULE_NOT_FOUND',
      );
    const written = transformer.transform(found, Buffer.from(files.get(found)!.bytes).toString(), 'module');
    if (!written.ok) throw new HostError(written.error.name, `${written.error.message}\n${written.error.stack}`);
    return { path: found, ...written };
  };
  const reply = async (op: string, args: any, bytes?: ArrayBuffer) => {
    ended.calls.push(op);
    try {
      const own = options.host?.[op];
      if (own) {
        const value = await own(args, bytes);
        if (value instanceof WithBytes) return { reply: { ok: true, value: value.value }, bytes: value.bytes };
        return { reply: { ok: true, value } };
      }
      if (op === 'module.load') return { reply: { ok: true, value: loaded(args) } };
      const { value, bytes: answered } = answer({ files, memory }, op, args, bytes);
      return { reply: { ok: true, value }, bytes: answered };
    } catch (error) {
      const { name, message, code, limit } = error as HostError;
      return { reply: { ok: false, error: { name, message, code, limit } } };
    }
  };

  const context = isolate.createContextSync();
  const { global } = context;
  global.setSync(
    '$give',
    new ivm.Callback((what: string, argument: string | number) => {
      if (what === 'now') return performance.now();
      if (what === 'random') return new Uint8Array(randomBytes(Number(argument))).buffer;
      ended.bundles.push(String(argument));
      return texts.get(`lazy/${argument}.js`);
    }),
  );
  global.setSync(
    '$ask',
    new ivm.Reference(async (json: string, bytes?: ArrayBuffer) => {
      const { op, args } = JSON.parse(json);
      if (op === 'exit') return new Promise(() => {});
      const answered = await reply(op, args, bytes);
      const text = JSON.stringify(answered.reply);
      return answered.bytes
        ? new ivm.ExternalCopy({ json: text, bytes: answered.bytes }).copyInto({ release: true })
        : text;
    }),
  );
  global.setSync(
    '$post',
    new ivm.Callback((json: string, bytes?: ArrayBuffer) => receive(JSON.parse(json), bytes), { ignored: true }),
  );
  const prelude = context.evalSync(texts.get('prelude.js')!, { reference: true });
  const start = prelude.getSync('start', { reference: true });
  const deliver = prelude.getSync('deliver', { reference: true });

  /** A rejected task is an unhandled rejection of the guest, unless the isolate itself is gone. */
  const rejected = (error: any) => {
    if (isolate.isDisposed)
      return finish(JSON.stringify({ status: 'gone', error: { name: 'Gone', message: String(error?.message) } }));
    const isError = typeof error === 'object' && error !== null;
    const unhandled = isError
      ? { name: String(error.name), message: String(error.message), stack: String(error.stack) }
      : { name: 'UnhandledRejection', message: `A promise was rejected with ${String(error)}, and nothing handled it` };
    if (failing) return;
    failing = true;
    deliver.apply(undefined, [JSON.stringify({ unhandled })]).then((text) => settle(text as string), rejected);
  };
  const tell = (message: object, bytes?: ArrayBuffer) => {
    deliver.apply(undefined, [JSON.stringify(message), bytes], { arguments: { copy: true } }).then((text) => {
      if (typeof text === 'string') finish(text);
    }, rejected);
  };
  function receive(message: any, bytes?: ArrayBuffer) {
    if (message.t === 'out') {
      ended[message.stream as 'stdout' | 'stderr'] += message.text;
      ended.output.push({ stream: message.stream, text: message.text });
    } else if (message.t === 'display') ended.displays.push({ mime: message.mime, data: message.data });
    else if (message.t === 'end') finish(JSON.stringify(message.end));
    else if (message.t === 'call') {
      void reply(message.op, message.args, bytes).then((answered) =>
        tell({ id: message.id, ...answered.reply }, answered.bytes),
      );
    } else if (message.t === 'timer') {
      const due = () => {
        timers.delete(message.id);
        tell({ timer: message.id });
      };
      timers.set(message.id, message.ms === 0 ? setImmediate(due) : setTimeout(due, message.ms));
    } else if (message.t === 'clear') {
      const timer = timers.get(message.id);
      if (timer) clearTimeout(timer as NodeJS.Timeout);
      if (timer) clearImmediate(timer as NodeJS.Immediate);
      timers.delete(message.id);
    }
  }

  const limits = { resultBytes: 1 << 20, outputBytes: 1 << 20, ...options.limits };
  const request = { ...program, path, limits, startedAt: performance.now() };
  if (options.input !== undefined) request.input = JSON.stringify(options.input);
  start
    .apply(undefined, [JSON.stringify(request)], { result: { promise: true, copy: true } })
    .then((text) => finish(text as string), rejected);
  const late = setTimeout(() => finish('{"status":"timed_out"}'), options.timeoutMs ?? 20_000);
  const text = await end;
  clearTimeout(late);
  for (const timer of timers.values()) {
    clearTimeout(timer as NodeJS.Timeout);
    clearImmediate(timer as NodeJS.Immediate);
  }
  if (!isolate.isDisposed) isolate.dispose();
  return { ...ended, ...JSON.parse(text) };
}
