// A used interpreter made as new: cheaper by two orders of magnitude than another one. What a run can leave behind lies in
// the linear memory, which is copied back whole; in Emscripten's file system, whose every node and stream is put back; or
// it needed an import that import-watch.js saw, and then the interpreter is thrown away.
const MOST_GROWTH = 32 * 1024 * 1024;

export function createRewind({ module, saved, watch }, { scratch, workspace, devices }) {
  const { FS } = module;
  const tables = tableSizes(module);
  const stack = module.stackSave();
  const keepalive = module.keepRuntimeAlive();
  const globals = Object.getOwnPropertyNames(globalThis).join();

  return {
    /** Why the interpreter must not serve another run; undefined when it may. */
    refusal() {
      if (watch.touched !== undefined) return `the run used ${watch.touched}`;
      if (tableSizes(module) !== tables) return 'a table grew';
      if (module.stackSave() !== stack) return 'the stack is not empty';
      if (module.keepRuntimeAlive() !== keepalive) return 'the runtime is kept alive';
      if (module.HEAPU8.length > saved.length + MOST_GROWTH) return 'the memory grew';
      if (Object.getOwnPropertyNames(globalThis).join() !== globals) return 'the global object changed';
      return undefined;
    },
    now() {
      const heap = module.HEAPU8;
      heap.set(saved);
      if (heap.length > saved.length) heap.fill(0, saved.length);
      workspace.reset();
      scratch.restore();
      devices.reopen();
      FS.currentPath = '/';
      FS.ignorePermissions = false;
      FS.trackingDelegate = {};
    },
  };
}

/** Function pointers of the program's own would be entries of these. */
const tableSizes = ({ wasmTable }) => wasmTable.length;
