/**
 * Parses and transforms guest source, as text, in an isolate of its own: pathological source can only break this isolate,
 * which is replaced. It never runs guest code, so the runs of one agent may share it.
 */
import type { Context, Isolate, Reference } from 'isolated-vm';
import type { Assets } from './blank-isolates.ts';
import type { Ivm } from './isolated-vm.ts';

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
      hasDefault: boolean;
      hasResult: boolean;
      map?: unknown;
    }
  | { ok: false; broken?: boolean; error: { name: string; message: string; stack?: string } };

export type TransformEnd = { done: Transformed; cpuMs: number } | { limit: 'cpuMs' | 'ramBytes'; cpuMs: number };

interface Parser {
  isolate: Isolate;
  context: Context;
  transform: Reference;
}

const RAM_MIB = 512;
const KEPT = 64;
const KEPT_CHARS = 64 * 1024;

export function createTransformer(ivm: Ivm, assets: Assets) {
  let parser: Parser | undefined;
  /** Agents send the same program again and again: the last few results, for this one agent. */
  const kept = new Map<string, Transformed>();

  function makeParser(): Parser {
    const isolate = new ivm.Isolate({ memoryLimit: RAM_MIB, onCatastrophicError: () => discard() });
    const context = isolate.createContextSync();
    context.evalSync(assets.get('transformer.js'), { filename: 'cordon:transformer' });
    const transform = context.global.getSync('transform', { reference: true }) as unknown as Reference;
    return { isolate, context, transform };
  }

  function discard(): void {
    if (parser && !parser.isolate.isDisposed) parser.isolate.dispose();
    parser = undefined;
  }

  return {
    /** Makes the parser ready before the first run; call while idle. */
    warm(): void {
      parser ??= makeParser();
    },

    /** `timeoutMs`: what is left of the run's CPU time. Never rejects. */
    async transform(file: SourceFile, timeoutMs: number): Promise<TransformEnd> {
      const key = `${file.role} ${file.path}\n${file.source}`;
      const known = kept.get(key);
      if (known) return { done: known, cpuMs: 0 };
      parser ??= makeParser();
      const used = parser;
      const before = used.isolate.cpuTime;
      const cpuMs = () => (used.isolate.isDisposed ? timeoutMs : Number(used.isolate.cpuTime - before) / 1e6);
      try {
        const ask = async () => {
          const text = await used.transform.apply(undefined, [JSON.stringify(file)], {
            timeout: Math.max(1, timeoutMs),
          });
          return JSON.parse(text as string) as Transformed | { needs: string };
        };
        let done = await ask();
        if ('needs' in done) {
          const script = await used.isolate.compileScript(assets.get(done.needs), { filename: 'cordon:typescript' });
          await script.run(used.context);
          script.release();
          done = (await ask()) as Transformed;
        }
        const end = { done, cpuMs: cpuMs() };
        if (!done.ok && done.broken) discard();
        else if (key.length <= KEPT_CHARS) remember(key, done);
        return end;
      } catch (error) {
        const end = {
          limit: /timed out/.test(String(error)) ? ('cpuMs' as const) : ('ramBytes' as const),
          cpuMs: cpuMs(),
        };
        discard();
        return end;
      }
    },
  };

  function remember(key: string, done: Transformed): void {
    if (kept.size >= KEPT) kept.delete(kept.keys().next().value as string);
    kept.set(key, done);
  }
}

export type Transformer = ReturnType<typeof createTransformer>;
