/** What goes into the jail folder besides isolated-vm: the worker's own sources and the guest assets. Nothing else. */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { WorkerOptions } from './worker/main.ts';

const here = import.meta.dirname;
const runtime = dirname(dirname(here));

export interface WorkerFiles {
  /** Path below the jail folder to what lies there. */
  files: Map<string, string | Uint8Array>;
  entry: string;
  typescriptVersion: string;
}

/** `assets` as buildAssets gives them. */
export function workerFiles(assets: Map<string, string>, options: WorkerOptions): WorkerFiles {
  const files = new Map<string, string | Uint8Array>();
  const add = (path: string) => files.set(`runtime/${path}`, readFileSync(join(runtime, path), 'utf8'));
  for (const name of readdirSync(join(here, 'worker'))) add(`sandbox/isolate/worker/${name}`);
  add('sandbox/frames.ts');
  add('sandbox/json-weight.ts');
  add('json.ts');
  for (const [name, text] of assets) files.set(`assets/${name}`, text);
  files.set('package.json', '{"type":"module"}');
  files.set('worker-options.json', JSON.stringify(options));
  const require = createRequire(import.meta.url);
  return {
    files,
    entry: 'runtime/sandbox/isolate/worker/main.ts',
    typescriptVersion: `amaro ${versionOf(join(dirname(require.resolve('amaro')), '../package.json'))}`,
  };
}

const versionOf = (manifest: string): string => JSON.parse(readFileSync(manifest, 'utf8')).version;
