// Modules that the guest's own runtime answers.
const { lazy } = cordon;
const { hide, SafeMap, mapGet, mapSet, mapHas } = cordon.primordials;

const builtins = {
  __proto__: null,
  cordon: () => lazy('cordon').module,
  fs: () => lazy('fs').fs,
  'fs/promises': () => lazy('fs').fs.promises,
  path: () => lazy('path').path,
  'path/posix': () => lazy('path').path,
  buffer: () => lazy('buffer').module,
  util: () => lazy('util').util,
  'util/types': () => lazy('util').util.types,
  events: () => lazy('emitter').EventEmitter,
  process: () => globalThis.process,
  timers: () => lazy('small').timers,
  'timers/promises': () => lazy('small').timersPromises,
  url: () => lazy('small').url,
  assert: () => lazy('assert').assert,
  'assert/strict': () => lazy('assert').assert,
  crypto: () => lazy('small').crypto,
  perf_hooks: () => lazy('small').perfHooks,
  module: () => lazy('small').moduleModule,
};
export const listed =
  'cordon, node:fs, node:fs/promises, node:path, node:buffer, node:util, node:events, node:assert, node:url, node:timers, node:timers/promises, node:process, node:crypto (hashes, randomUUID), node:perf_hooks';

/** The value that require() gives for a builtin, or an error that says what there is. */
export function builtin(specifier) {
  const name = specifier.startsWith('node:') ? specifier.slice(5) : specifier;
  const find = name === 'cordon' && specifier !== 'cordon' ? undefined : builtins[name];
  if (find === undefined) {
    throw moduleError(`'${specifier}' is not available here. There are: ${listed}; files by a relative path.`);
  }
  return find();
}

export function isBuiltin(specifier) {
  return specifier.startsWith('node:') || builtins[specifier] !== undefined;
}

export function moduleError(message) {
  const error = new Error(message);
  error.code = 'ERR_MODULE_NOT_FOUND';
  return error;
}

const namespaces = new SafeMap();

/** A builtin as `import` sees it: its members and `default`. */
export function builtinNamespace(specifier) {
  const value = builtin(specifier);
  if (mapHas(namespaces, value)) return mapGet(namespaces, value);
  const namespace = { __proto__: null };
  for (const name of Object.keys(value)) namespace[name] = value[name];
  if (!('default' in namespace)) namespace.default = value;
  hide(namespace, Symbol.toStringTag, 'Module');
  mapSet(namespaces, value, namespace);
  return namespace;
}
