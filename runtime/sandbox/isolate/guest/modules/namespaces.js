// What a module exports, and the namespace objects that show it.
import { builtinNamespace } from './builtins.js';
import { atImport, tellPlace } from './load-errors.js';

const { hide } = cordon.primordials;

/** The error for the n-th import of `module`, which asks for a name that is not there. */
export function noExport(module, n, name) {
  const from = module.imports[n];
  return tellPlace(
    new SyntaxError(`The requested module '${from}' does not provide an export named '${name}'`),
    module,
    n,
  );
}

/** Every name that `module` exports, with what reads it; `export *` included, its own names first. */
function exportsOf(module, seen = new Set()) {
  if (seen.has(module)) return { __proto__: null };
  seen.add(module);
  const all = { __proto__: null };
  for (const n of module.stars) {
    const dependency = module.dependencies[n];
    if (dependency === undefined) {
      const namespace = atImport(module, n, () => builtinNamespace(module.imports[n]));
      for (const name of Object.keys(namespace)) if (name !== 'default') all[name] = () => namespace[name];
    } else if (dependency.kind === 'esm') {
      const inner = exportsOf(dependency, seen);
      for (const name of Object.keys(inner)) if (name !== 'default') all[name] ??= inner[name];
    } else {
      const namespace = namespaceOf(dependency);
      for (const name of Object.keys(namespace)) if (name !== 'default') all[name] ??= () => namespace[name];
    }
  }
  for (const name of Object.keys(module.getters)) all[name] = module.getters[name];
  return all;
}

/** The namespace object; it fills while the graph links and is closed before anything runs. */
export function namespaceOf(module) {
  if (module.namespace === undefined) {
    module.namespace = { __proto__: null };
    hide(module.namespace, Symbol.toStringTag, 'Module');
  }
  return module.namespace;
}

export function fillNamespace(module) {
  const namespace = namespaceOf(module);
  if (module.kind === 'esm') {
    const all = exportsOf(module);
    for (const name of Object.keys(all).sort()) {
      if (!Object.hasOwn(namespace, name))
        Object.defineProperty(namespace, name, { get: all[name], enumerable: true, configurable: false });
    }
    return;
  }
  const value = module.kind === 'json' ? module.value : module.cjs.exports;
  const define = (name, read) => {
    if (!Object.hasOwn(namespace, name)) Object.defineProperty(namespace, name, { get: read, enumerable: true });
  };
  if (module.kind === 'cjs' && value !== null && (typeof value === 'object' || typeof value === 'function')) {
    for (const name of Object.keys(value)) if (name !== 'default') define(name, () => value[name]);
    define('default', () => (value.__esModule && 'default' in value ? value.default : module.cjs.exports));
    define('module.exports', () => module.cjs.exports);
  } else {
    define('default', () => (module.kind === 'json' ? module.value : module.cjs.exports));
  }
}

export function declareAll(module, seen = new Set()) {
  if (seen.has(module)) return;
  seen.add(module);
  for (const dependency of module.dependencies) if (dependency !== undefined) declareAll(dependency, seen);
  if (module.kind === 'esm') fillNamespace(module);
}

export function checkRequired(module) {
  for (const [n, names] of module.required) {
    const dependency = module.dependencies[n];
    const namespace =
      dependency === undefined
        ? atImport(module, n, () => builtinNamespace(module.imports[n]))
        : namespaceOf(dependency);
    const late = dependency !== undefined && dependency.kind !== 'esm' && dependency.status === 'running';
    for (const name of names) if (!late && !(name in namespace)) throw noExport(module, n, name);
  }
}
