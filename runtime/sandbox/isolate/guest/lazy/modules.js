// Links and runs the guest's modules. Their functions come from the transformer (see source/esm.js for what they call).
import { builtin, builtinNamespace, isBuiltin } from '../modules/builtins.js';
import { atImport, explain } from '../modules/load-errors.js';
import { checkRequired, declareAll, fillNamespace, namespaceOf, noExport } from '../modules/namespaces.js';

const { ask, compile, mapSource } = cordon;
const { own, hide, apply, parse, then, SafeMap, mapGet, mapSet } = cordon.primordials;

const modules = new SafeMap();
const resolved = new SafeMap();

/** The module that `specifier` means for the file `referrer`: loaded, not yet linked. */
function load(specifier, referrer) {
  if (typeof specifier !== 'string') throw new TypeError('A module specifier must be a string');
  const key = `${referrer}\n${specifier}`;
  const known = mapGet(resolved, key);
  if (known !== undefined) return known;
  let description;
  try {
    description = ask('module.load', { __proto__: null, specifier, referrer }).value;
  } catch (error) {
    throw explain(error, specifier, referrer);
  }
  const module = mapGet(modules, description.path) ?? create(description);
  mapSet(resolved, key, module);
  return module;
}

function create(description) {
  mapSource(description);
  const module = {
    __proto__: null,
    path: description.path,
    kind: description.kind,
    code: description.code,
    imports: own(description, 'imports') ?? [],
    places: own(description, 'places') ?? [],
    map: own(description, 'map'),
    dependencies: [],
    status: 'new',
    getters: { __proto__: null },
    stars: [],
    required: [],
    namespace: undefined,
    steps: undefined,
    isAsync: description.code.startsWith('(async'),
    isStaged: /^\((async )?function\*/.test(description.code),
    done: undefined,
    failed: false,
    error: undefined,
    cjs: undefined,
    value: undefined,
  };
  mapSet(modules, module.path, module);
  return module;
}

/** Loads what `module` imports, declares its exports, all the way down. */
function link(module) {
  if (module.status !== 'new') return;
  module.status = 'linked';
  if (module.kind !== 'esm') return;
  for (let n = 0; n < module.imports.length; n++) {
    const specifier = module.imports[n];
    module.dependencies[n] = isBuiltin(specifier) ? undefined : atImport(module, n, () => load(specifier, module.path));
  }
  const run = compile(module.code, module.path);
  if (module.isStaged) {
    module.steps = run(context(module));
    if (module.isAsync) ignore(module.steps.next());
    else module.steps.next();
  } else {
    module.run = run;
  }
  for (const dependency of module.dependencies) if (dependency !== undefined) link(dependency);
}

function ignore(promise) {
  hide(promise, 'constructor', undefined);
  then(promise, undefined, () => {});
}

/** What a module's code calls: see source/esm.js. */
function context(module) {
  const c = (specifier) => dynamicImport(specifier, module.path);
  c.meta = {
    __proto__: null,
    url: `file://${encodeURI(module.path)}`,
    filename: module.path,
    dirname: dirname(module.path),
    main: module.isMain === true,
  };
  c.meta.resolve = (specifier) => new URL(specifier, c.meta.url).href;
  c.e = (getters) => {
    for (const name of Object.keys(getters)) module.getters[name] = getters[name];
  };
  const builtinOf = (n) => atImport(module, n, () => builtinNamespace(module.imports[n]));
  c.i = (n) => (module.dependencies[n] === undefined ? builtinOf(n) : namespaceOf(module.dependencies[n]));
  c.b = (n, names) => {
    const namespace = builtinOf(n);
    for (const name of names ?? []) if (!(name in namespace)) throw noExport(module, n, name);
    return namespace;
  };
  c.n = (n, names) => {
    module.required.push([n, names]);
  };
  c.s = (n) => {
    module.stars.push(n);
  };
  c.d = (value) => {
    if (value.name === '' || value.name === `${module.parameter}d` || /^\$i{4}\wd$/.test(value.name)) {
      Object.defineProperty(value, 'name', { value: 'default', configurable: true });
    }
  };
  return c;
}

/** Runs the module after what it imports. Answers undefined when it is done, or a promise. Throws its error again. */
function evaluate(module) {
  if (module.status === 'done') {
    if (module.failed) throw module.error;
    return undefined;
  }
  if (module.status === 'running') return module.done === undefined || module.cyclic ? undefined : module.done;
  module.status = 'running';
  const waits = [];
  try {
    module.cyclic = true;
    for (const dependency of module.dependencies) {
      if (dependency === undefined) continue;
      const wait = evaluate(dependency);
      if (wait !== undefined) waits.push(wait);
    }
    module.cyclic = false;
    if (waits.length === 0 && !(module.kind === 'esm' && module.isAsync)) {
      finishRun(module, body(module));
      return undefined;
    }
  } catch (error) {
    module.cyclic = false;
    settleFailed(module, error);
    throw error;
  }
  module.done = (async () => {
    try {
      for (const wait of waits) await wait;
      finishRun(module, await body(module));
    } catch (error) {
      settleFailed(module, error);
      throw error;
    }
  })();
  ignore(module.done);
  return module.done;
}

function finishRun(module, value) {
  module.status = 'done';
  module.result = value;
}

function settleFailed(module, error) {
  module.status = 'done';
  module.failed = true;
  module.error = error;
}

/** Runs the module's own code. */
function body(module) {
  if (module.kind === 'json') {
    module.value = parse(module.code);
    fillNamespace(module);
    return undefined;
  }
  if (module.kind === 'cjs') {
    const value = runScript(module);
    fillNamespace(module);
    return value;
  }
  checkRequired(module);
  if (module.steps === undefined) {
    // Not as a method: its frame in a stack would have a name.
    const { run } = module;
    return run(context(module));
  }
  const step = module.steps.next();
  if (!module.isAsync) return step.value;
  return step.then(({ value }) => value);
}

function runScript(module) {
  const record = { exports: {}, id: module.path, filename: module.path, loaded: false, children: [], paths: [] };
  record.require = requireFor(module.path, record);
  module.cjs = record;
  const run = compile(module.code, module.path);
  const c = (specifier) => dynamicImport(specifier, module.path);
  const value = apply(run, record.exports, [
    c,
    record.exports,
    record.require,
    record,
    module.path,
    dirname(module.path),
  ]);
  record.loaded = true;
  return value;
}

function dirname(path) {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

const requireCache = { __proto__: null };

/** `require` of one file. */
function requireFor(path, record) {
  const require = (specifier) => {
    if (typeof specifier !== 'string') throw new TypeError('require needs a string');
    if (isBuiltin(specifier)) return builtin(specifier);
    const module = load(specifier, path);
    if (module.kind === 'cjs') {
      if (module.status === 'new' || module.status === 'linked') evaluate(module);
      if (module.failed) throw module.error;
      requireCache[module.path] = module.cjs;
      return module.cjs.exports;
    }
    runGraph(module, () => {
      const error = new Error(`require() cannot load ${module.path}: it has a top-level await. Use import() instead.`);
      error.code = 'ERR_REQUIRE_ASYNC_MODULE';
      return error;
    });
    if (module.kind === 'json') return module.value;
    const namespace = namespaceOf(module);
    return 'module.exports' in namespace ? namespace['module.exports'] : namespace;
  };
  require.resolve = (specifier) => (isBuiltin(specifier) ? specifier : load(specifier, path).path);
  require.cache = requireCache;
  require.main = record;
  return require;
}

/** Links and runs a graph; `onAsync` says what to throw when it cannot be done at once. */
function runGraph(module, onAsync) {
  link(module);
  declareAll(module);
  if (onAsync !== undefined && module.status !== 'done' && hasAwait(module)) throw onAsync();
  return evaluate(module);
}

function hasAwait(module, seen = new Set()) {
  if (seen.has(module)) return false;
  seen.add(module);
  if (module.kind === 'esm' && module.isAsync) return true;
  return module.dependencies.some((dependency) => dependency !== undefined && hasAwait(dependency, seen));
}

async function dynamicImport(specifier, referrer) {
  const name = `${specifier}`;
  if (isBuiltin(name)) return builtinNamespace(name);
  const module = load(name, referrer);
  const wait = runGraph(module);
  if (wait !== undefined) await wait;
  return namespaceOf(module);
}

/** Runs the main program. Answers its value, or a promise of it. */
export function runMain(program) {
  const module = create(program);
  module.isMain = true;
  const finishMain = (value) => {
    if (!program.hasDefault) return value;
    const value_ = module.getters.default();
    if (typeof value_ !== 'function' || isClass(value_)) return value_;
    return value_(globalThis.input);
  };
  const wait = runGraph(module);
  if (wait === undefined) return finishMain(module.result);
  return wait.then(() => finishMain(module.result));
}

function isClass(value) {
  return /^class\b/.test(Function.prototype.toString.call(value));
}

/** The global `require`, as seen from the main program. */
export function mainRequire() {
  return requireFor('/workspace/main.ts', undefined);
}

export { requireFor };
