// The Python interpreter's isolate, evaluated before it is known who will use it. Its value: what the worker calls.
import { ask } from '../prelude/bridge.js';
import { limitOfError } from '../prelude/primordials.js';
import { createDevices } from './devices.js';
import { bootInterpreter } from './interpreter.js';
import { createRewind } from './rewind.js';
import { createScratch } from './scratch.js';
import { createWorkspaceFs } from './workspace/workspace-fs.js';

let interpreter;
let parts;
let rewinding;

/** Makes the interpreter: from a snapshot, `heap` and `state`, or cold when there is none. Bytes come with their length. */
export async function boot(glue, wasm, wasmLength, stdlib, stdlibLength, heap, heapLength, state) {
  const bytes = (memory, length) => new Uint8Array(memory, 0, length);
  const assets = { glue, wasm: bytes(wasm, wasmLength), stdlib: bytes(stdlib, stdlibLength) };
  const snapshot = heap === undefined ? undefined : { heap: bytes(heap, heapLength), state: JSON.parse(state) };
  interpreter = await bootInterpreter(assets, snapshot);
  const { module, hooks } = interpreter;
  const { FS } = module;
  const workspace = createWorkspaceFs({
    FS,
    codes: module.ERRNO_CODES,
    ask,
    limitOf: limitOfError.get,
    heap: () => module.HEAPU8,
  });
  FS.mount(workspace.type, {}, '/workspace');
  hooks.__syscall_fcntl64 = workspace.fcntl64;
  hooks.__syscall_fdatasync = workspace.fdatasync;
  parts = { workspace, devices: createDevices(FS, workspace.limitOf), scratch: createScratch(module) };
  // The last two are the glue's: timers that would never fire.
  for (const name of ['WebAssembly', 'SharedArrayBuffer', 'setTimeout', 'clearTimeout']) delete globalThis[name];
  parts.scratch.remember();
  if (snapshot === undefined) return;
  rewinding = createRewind(interpreter, parts);
  // The first run finds what every later one finds: whatever the start above did in the restored memory.
  rewinding.now();
}

/** Runs Python of our own in a cold interpreter: `files` are [path, text]. Answers the snapshot. */
export function makeSnapshot(files, program) {
  const { FS } = interpreter.module;
  for (const [path, text] of files) {
    FS.mkdirTree(path.slice(0, path.lastIndexOf('/')));
    FS.writeFile(path, text);
  }
  if (interpreter.run(program) !== 0) throw new Error('Python could not be prepared');
  const { heap, state } = interpreter.takeSnapshot();
  return { heap, state: JSON.stringify(state) };
}

/** One run; `json` is the program with its limits and, as text, its input. Answers the end as JSON text. */
export function start(json) {
  const { input, limits, ...program } = JSON.parse(json);
  const hasInput = input !== undefined;
  interpreter.cap(limits.ramBytes);
  interpreter.watch.reset();
  parts.devices.open({ ...program, limits, hasInput, input: hasInput ? JSON.parse(input) : null }, limits.outputBytes);
  try {
    interpreter.run('import _cordon.main\n_cordon.main.run()\n');
  } catch (error) {
    // V8's stack ends before Python's own, also when deeply nested data is let go of after the end was sent.
    if (!parts.devices.hasEnd()) throw error;
    interpreter.watch.touch('more stack than there is');
  }
  return parts.devices.close() ?? (interpreter.wasRefused() ? outOfMemory(limits.ramBytes) : noEnd);
}

/** Without memory left, Python cannot even say so. */
const outOfMemory = (ramBytes) =>
  `{"status":"limit_exceeded","error":{"name":"MemoryError","message":"ramBytes is used up (${ramBytes})","limit":"ramBytes"}}`;
const noEnd = '{"status":"failed","error":{"name":"SystemError","message":"The interpreter ended without a word"}}';

/** Size of the linear memory in bytes. */
export const memoryBytes = () => interpreter.module.HEAPU8.length;

/** Makes the interpreter as new. Answers why not, when something may be left of the last run: it serves no other then. */
export function rewind() {
  const refusal = rewinding.refusal();
  if (refusal === undefined) rewinding.now();
  return refusal;
}
