// Pyodide's glue and module, instantiated without Pyodide's own loader: no index, no lock file, no streams of its own.
import { hostRandom } from '../prelude/bridge.js';
import { glueScope } from './glue-scope.js';
import { watchImports } from './import-watch.js';
import { createWaitingClock } from './waiting-clock.js';

const { Instance, Module } = WebAssembly;
const pythonVersion = [3, 14];
const library = '/lib/python3.14';
const home = '/home/pyodide';

/**
 * Pyodide's marker for errors that cross as values; it normally comes with its loader: a module of 80 bytes with
 * Jsv_GetError_import and JsvError_Check over one reference that no program can forge.
 */
const errorMarker = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 12, 3, 95, 0, 96, 0, 1, 111, 96, 1, 111, 1, 127, 3, 3, 2, 1, 2, 7, 40, 2, 19, 74, 115,
  118, 95, 71, 101, 116, 69, 114, 114, 111, 114, 95, 105, 109, 112, 111, 114, 116, 0, 0, 14, 74, 115, 118, 69, 114, 114,
  111, 114, 95, 67, 104, 101, 99, 107, 0, 1, 10, 19, 2, 7, 0, 251, 1, 0, 251, 27, 11, 9, 0, 32, 0, 251, 26, 251, 20, 0,
  11,
];

/** Answers {module, saved, watch, hooks, run, cap, takeSnapshot}. `module` is Emscripten's. */
export async function bootInterpreter({ glue, wasm, stdlib }, snapshot) {
  let wasRefused = false;
  let heapMax = 4 * 1024 ** 3 - 65_536;
  let watch;
  /** Answers of ours for imports; undefined leaves the answer to Emscripten. */
  const hooks = { __proto__: null, __syscall_fcntl64: undefined, __syscall_fdatasync: undefined };
  const refuse = () => {
    throw new Error('There is nothing to load here');
  };
  const api = {
    config: {
      jsglobals: globalThis,
      env: { HOME: home },
      indexURL: '/',
      args: [],
      packages: [],
      packageCacheDir: '/',
      packageBaseUrl: '/',
      cdnUrl: '/',
      lockFileContents: {},
      enableRunUntilComplete: false,
      BUILD_ID: '',
      _makeSnapshot: snapshot === undefined,
    },
    runtimeEnv: { IN_SHELL: true },
    lockFilePromise: new Promise(() => {}),
    pyVersionTuple: pythonVersion,
    sitePackages: `${library}/site-packages`,
  };
  const settings = {
    API: api,
    noImageDecoding: true,
    noAudioDecoding: true,
    print() {},
    printErr() {},
    arguments: [],
    locateFile: refuse,
    cordonHeapMax: () => heapMax,
    preRun: [(module) => fillFiles(module, stdlib)],
    instantiateWasm(info, done) {
      const marker = new Instance(new Module(Uint8Array.from(errorMarker))).exports;
      const compiled = new Module(wasm);
      const hooked = Object.keys(hooks).map((name) => [
        name,
        (...args) => hooks[name]?.(...args) ?? info.env[name](...args),
      ]);
      const ours = {
        random_get: fillRandom,
        emscripten_resize_heap(bytes) {
          const grown = info.env.emscripten_resize_heap(bytes);
          if (!grown) wasRefused = true;
          return grown;
        },
        emscripten_get_now: createWaitingClock(),
        ...Object.fromEntries(hooked),
      };
      watch = watchImports(info.env, compiled, { ...marker, ...ours });
      done(new Instance(compiled, { ...info, env: watch.imports, wasi_snapshot_preview1: watch.imports }), compiled);
      return {};
    },
  };
  if (snapshot !== undefined) {
    settings.noInitialRun = true;
    settings.INITIAL_MEMORY = snapshot.heap.length;
  }
  const module = await glue(glueScope(hostRandom))(settings);
  const saved = snapshot?.heap;
  if (saved !== undefined) module.HEAPU8.set(saved);
  api.finalizeBootstrap(snapshot?.state);
  if (saved !== undefined) hideApi(module);

  /** Entropy straight into the interpreter's memory. */
  function fillRandom(at, length) {
    // Emscripten fills the settings in: they are the module, also while `main` still runs.
    const heap = settings.HEAPU8;
    for (let done = 0; done < length; done += 65_536) {
      const chunk = new Uint8Array(hostRandom(length - done < 65_536 ? length - done : 65_536));
      heap.set(chunk, (at >>> 0) + done);
    }
    return 0;
  }

  return {
    module,
    saved,
    watch,
    hooks,
    /** Runs a program in `__main__`; -1 when an exception came out. */
    run(code) {
      const text = module.stringToNewUTF8(code);
      try {
        return module._PyRun_SimpleString(text);
      } finally {
        module._free(text);
      }
    },
    /** The linear memory does not grow beyond this. */
    cap(bytes) {
      heapMax = bytes;
      wasRefused = false;
    },
    /** It was asked to, since then. */
    wasRefused: () => wasRefused,
    takeSnapshot: () => ({ heap: module.HEAPU8.slice().buffer, state: api.serializeHiwireState() }),
  };
}

function fillFiles({ FS, ENV }, stdlib) {
  for (const folder of [`${library}/site-packages`, `${library}/lib-dynload`, home, '/workspace']) FS.mkdirTree(folder);
  FS.writeFile('/lib/python314.zip', stdlib.slice(), { canOwn: true });
  FS.chmod('/lib/python314.zip', 0o444);
  FS.chdir(home);
  Object.assign(ENV, { HOME: home, PYTHONINSPECT: '1' });
}

/** The first places of the reference table: where Python would find Pyodide's own objects, its module among them. */
const places = { null: 0, globals: 1, pyodide: 2, api: 3, errorMarker: 4, apiAgain: 5, empty: 6 };

function hideApi(module) {
  const nothing = Object.freeze({ __proto__: null });
  for (const name of ['pyodide', 'api', 'apiAgain']) module.__hiwire_set(places[name], nothing);
}
