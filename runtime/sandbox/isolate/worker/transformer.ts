/**
 * Parses and transforms guest source, as text, in an isolate of its own: pathological source can only break this isolate,
 * which is replaced. It never runs guest code, so the runs of one agent may share it.
 */
import type { Context, Isolate, Reference } from 'isolated-vm';
import type { Ivm } from './isolated-vm.ts';
import type { Assets } from './sandbox.ts';

export interface SourceFile {
  /** Guest path, such as `/workspace/main.ts`; the ending decides about types. */
  path: string;
  source: string;
  role: 'main' | 'module';
}

/** What the transformer answers, as text: the guest's prelude reads it. */
export type Transformed =
  | {
      ok: true;
      code: string;
      kind: 'esm' | 'cjs' | 'json';
      imports: string[];
      /** Line and column of each import, from 1, in the source without its types. */
      places?: [line: number, column: number][];
      hasDefault: boolean;
      hasResult: boolean;
      map?: unknown;
    }
  | { ok: false; broken?: boolean; error: { name: string; message: string; stack?: string } };

/** `clockMs`: how long a thread was in the transformer for it. */
export type TransformEnd = { done: Transformed; clockMs: number } | { limit: 'cpuMs' | 'ramBytes'; clockMs: number };

interface Parser {
  isolate: Isolate;
  context: Context;
  transform: Reference;
}

const MiB = 1024 * 1024;
/** The transformer's own code, swc's WebAssembly among it. */
const OWN_MIB = 96;
/** A syntax tree takes up to some hundred times the source: this much source fits beside the transformer's own code. */
const SMALL_CHARS = 64 * 1024;
const KEPT = 64;

export function createTransformer(ivm: Ivm, assets: Assets) {
  let parser: Parser | undefined;
  /** One at a time: what a source costs is charged to its run, and a broken parser breaks nobody else's turn. */
  let turn: Promise<unknown> = Promise.resolve();
  /** Agents send the same program again and again: the last few results, for this one agent. */
  const kept = new Map<string, Transformed>();

  function makeParser(ramMiB = OWN_MIB): Parser {
    const isolate = new ivm.Isolate({ memoryLimit: ramMiB, onCatastrophicError: () => discard(made) });
    const context = isolate.createContextSync();
    context.evalSync(assets.get('transformer.js'), { filename: 'cordon:transformer' });
    const transform = context.global.getSync('transform', { reference: true }) as unknown as Reference;
    const made: Parser = { isolate, context, transform };
    return made;
  }

  function discard(broken: Parser): void {
    if (!broken.isolate.isDisposed) broken.isolate.dispose();
    if (parser === broken) parser = undefined;
  }

  async function ask({ isolate, context, transform }: Parser, file: SourceFile, timeout: number): Promise<Transformed> {
    const once = async () => {
      const text = await transform.apply(undefined, [JSON.stringify(file)], { timeout });
      return JSON.parse(text as string) as Transformed | { needs: string };
    };
    const first = await once();
    if (!('needs' in first)) return first;
    const script = await isolate.compileScript(assets.get(first.needs), { filename: 'cordon:typescript' });
    await script.run(context);
    script.release();
    return (await once()) as Transformed;
  }

  return {
    /** Makes the parser ready before the first run; call while idle. */
    warm(): void {
      parser ??= makeParser();
    },

    /** Under what is left of the run's limits; a large source in an isolate of its own. Never rejects. */
    async transform(file: SourceFile, left: { cpuMs: number; ramBytes: number }): Promise<TransformEnd> {
      const key = `${file.role} ${file.path}\n${file.source}`;
      const known = kept.get(key);
      if (known) return { done: known, clockMs: 0 };
      const mine = turn.then(() => parse(file, left));
      turn = mine;
      const end = await mine;
      if ('done' in end && key.length <= SMALL_CHARS && (end.done.ok || !end.done.broken)) remember(key, end.done);
      return end;
    },
  };

  async function parse(file: SourceFile, left: { cpuMs: number; ramBytes: number }): Promise<TransformEnd> {
    const isLarge = file.source.length > SMALL_CHARS;
    if (!isLarge) parser ??= makeParser();
    const used = isLarge ? makeParser(Math.ceil(left.ramBytes / MiB) + OWN_MIB) : (parser as Parser);
    const before = used.isolate.cpuTime;
    // isolated-vm's timeout is of the wall clock: on a busy machine CPU time takes longer.
    const timeout = Math.max(1, Math.ceil(left.cpuMs * 2 + 1000));
    const clockMs = () => (used.isolate.isDisposed ? timeout : Number(used.isolate.cpuTime - before) / 1e6);
    try {
      const done = await ask(used, file, timeout);
      const end = { done, clockMs: clockMs() };
      if (isLarge || (!done.ok && done.broken)) discard(used);
      return end;
    } catch (error) {
      const limit = /timed out/.test(String(error)) ? ('cpuMs' as const) : ('ramBytes' as const);
      const end = { limit, clockMs: clockMs() };
      discard(used);
      return end;
    }
  }

  function remember(key: string, done: Transformed): void {
    if (kept.size >= KEPT) kept.delete(kept.keys().next().value as string);
    kept.set(key, done);
  }
}

export type Transformer = ReturnType<typeof createTransformer>;
