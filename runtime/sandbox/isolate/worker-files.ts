/** What goes into the jail folder: the worker's own sources, the guest assets, isolated-vm's native file. Nothing else. */
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

/** Errors: a message that names the missing prebuilt binary when this platform has none. */
export function workerFiles(assets: Map<string, string>, options: WorkerOptions): WorkerFiles {
  const files = new Map<string, string | Uint8Array>();
  const add = (path: string) => files.set(`runtime/${path}`, readFileSync(join(runtime, path), 'utf8'));
  for (const name of readdirSync(join(here, 'worker'))) add(`sandbox/isolate/worker/${name}`);
  add('sandbox/isolate/frames.ts');
  add('json.ts');
  for (const [name, text] of assets) files.set(`assets/${name}`, text);
  files.set('package.json', '{"type":"module"}');
  files.set('worker-options.json', JSON.stringify(options));
  const require = createRequire(import.meta.url);
  files.set('isolated-vm.node', readFileSync(prebuiltFile(dirname(require.resolve('isolated-vm/package.json')))));
  return {
    files,
    entry: 'runtime/sandbox/isolate/worker/main.ts',
    typescriptVersion: `amaro ${versionOf(join(dirname(require.resolve('amaro')), '../package.json'))}`,
  };
}

const versionOf = (manifest: string): string => JSON.parse(readFileSync(manifest, 'utf8')).version;

function prebuiltFile(packageDir: string): string {
  const folder = join(packageDir, 'prebuilds', `${process.platform}-${process.arch}`);
  const libc = process.platform !== 'linux' ? '' : 'glibcVersionRuntime' in reportHeader() ? '.glibc' : '.musl';
  const name = `isolated-vm.abi${process.versions.modules}${libc}.node`;
  if (!readdirSync(folder).includes(name)) throw new Error(`isolated-vm has no prebuilt ${name} for ${process.platform}-${process.arch}`);
  return join(folder, name);
}

function reportHeader(): object {
  (process.report as { excludeNetwork?: boolean }).excludeNetwork = true;
  return (process.report.getReport() as unknown as { header: object }).header;
}
