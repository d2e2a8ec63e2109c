// The bundle guest.cjs, preloaded in the main process, its worker threads and the Node.js processes that it forks: modules
// resolve as API.md says (TypeScript, no endings, JSON without attributes, `cordon`, packages of the image), stacks name the
// guest's files. Only the main process calls `run`.
import '../../../runtime/sandbox/isolate/guest/prelude/report.js';
import { registerHooks } from 'node:module';
import { load } from './load.mjs';
import { offerProxy } from './proxy.mjs';
import { resolve } from './resolve.mjs';

registerHooks({ resolve, load });
offerProxy();

export { bake } from './bake.mjs';
export { run } from './run.mjs';
