/** The one place that loads isolated-vm: straight from its native file in the jail folder, so that no loader probes the disk. */
import { createRequire } from 'node:module';
import type * as IsolatedVm from 'isolated-vm';

export type Ivm = typeof IsolatedVm;

/** `file` is the path of the `.node` file. Errors: what the loader of native modules throws. */
export function loadIsolatedVm(file: string): Ivm {
  return createRequire(import.meta.url)(file).ivm;
}
