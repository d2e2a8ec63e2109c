/** Modules that the guest's own runtime answers; everything else is asked of the worker. */
export const builtins = new Set([
  'cordon',
  'fs',
  'fs/promises',
  'path',
  'path/posix',
  'buffer',
  'util',
  'util/types',
  'events',
  'process',
  'timers',
  'timers/promises',
  'url',
  'assert',
  'assert/strict',
  'crypto',
  'os',
  'perf_hooks',
  'stream',
  'module',
  'string_decoder',
  'querystring',
  'console',
]);

/** Whether `specifier` is answered inside the guest (also the `node:` ones that do not exist: it says what there is). */
export function isBuiltin(specifier) {
  return specifier.startsWith('node:') || builtins.has(specifier);
}
