// The bundle cordon.cjs: the module `cordon` and what it stands on, once in a process, for the harness too.
import { module as isolateModule } from '../../../runtime/sandbox/isolate/guest/lazy/cordon.js';
import { input } from './input.mjs';
import './parts.mjs';

export * from '../../../runtime/sandbox/isolate/guest/prelude/primordials.js';
export { exchange } from './frames.mjs';
export { input } from './input.mjs';
export { internals, lazy } from './internals.mjs';
export { settleOutput, takeOutput } from './output.mjs';
export { packages, program, workspace } from './places.mjs';

export const module = { input, memory: isolateModule.memory, display: isolateModule.display };
