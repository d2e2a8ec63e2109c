/** The thread of python-thread.ts. */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { loadPyodide } from 'pyodide';

const { port, answered } = workerData as { port: MessagePort; answered: Int32Array };
const limits = new WeakMap<object, string>();
let calls: Record<string, number> = {};

/** As the bridge's in an isolate: asks, waits, answers or throws. */
function ask(op: string, args: object, bytes?: ArrayBuffer) {
  calls[op] = (calls[op] ?? 0) + 1;
  Atomics.store(answered, 0, 0);
  port.postMessage({ op, args: { ...args }, bytes });
  Atomics.wait(answered, 0, 0);
  const reply = receiveMessageOnPort(port)?.message;
  if (reply.ok) return { value: reply.value, bytes: reply.bytes };
  const { name, message, code, limit } = reply.error;
  const error = Object.assign(new Error(message), { name, code });
  if (limit !== undefined) limits.set(error, limit);
  throw error;
}

let workspace: any;

type Syscall = (...args: number[]) => number;
const wasm = Reflect.get(globalThis, 'WebAssembly');
const { instantiate } = wasm;
wasm.instantiate = (source: unknown, imports?: { env?: Record<string, Syscall> }) => {
  const { __syscall_fcntl64: fcntl, __syscall_fdatasync: fdatasync } = imports?.env ?? {};
  if (imports?.env && fcntl && fdatasync) {
    imports.env.__syscall_fcntl64 = (...args) => workspace?.fcntl64(...args) ?? fcntl(...args);
    imports.env.__syscall_fdatasync = (...args) => workspace?.fdatasync(...args) ?? fdatasync(...args);
  }
  return instantiate(source, imports);
};

const python = await loadPyodide();
const { FS } = python;
const entry = '../../../runtime/sandbox/isolate/guest/python/workspace/workspace-fs.js';
const { createWorkspaceFs } = await import(entry);
FS.mkdirTree('/workspace');
workspace = createWorkspaceFs({
  FS,
  codes: (python as unknown as { ERRNO_CODES: object }).ERRNO_CODES,
  ask,
  limitOf: (error: object) => limits.get(error),
  heap: () => (python as unknown as { _module: { HEAPU8: Uint8Array } })._module.HEAPU8,
});
FS.mount(workspace.type, {}, '/workspace');
python.runPython(`
import fcntl, os
fcntl.flock = lambda fd, operation: (fcntl.fcntl(fd, 0x464c, operation), None)[1]
os.chdir('/workspace')
kept = {}
`);

parentPort?.on('message', (program: string) => {
  calls = {};
  const globals = python.toPy({ result: null, kept: python.globals.get('kept') });
  let error: string | undefined;
  try {
    python.runPython(program, { globals });
  } catch (thrown) {
    error = (thrown as Error).message.trim().split('\n').at(-1);
  }
  const dumps = python.runPython('import json; lambda value: json.dumps(value, default=repr)');
  const result = JSON.parse(dumps(globals.get('result')));
  parentPort?.postMessage({ result, error, calls, limit: workspace.limitOf(51)?.limit });
});
parentPort?.postMessage('ready');
