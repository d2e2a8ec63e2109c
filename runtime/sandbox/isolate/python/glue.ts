/** Pyodide's glue code as a script for an isolate: it finds what it needs in a scope of ours instead of on the global object. */

/** Names that the glue looks up outside of itself: guest/python/glue-scope.js has their values. */
const scope =
  'WebAssembly,TextDecoder,TextEncoder,os,console,readbuffer,AbortController,AbortSignal,Request,URL,setTimeout,clearTimeout,location,performance';

/** Each must be found this many times: another version of Pyodide is to be looked at by a person first. */
const edits: { find: string; put: string; times: number }[] = [
  { find: 'import.meta.url', put: '"file:///python"', times: 0 },
  { find: 'var getHeapMax=()=>4294901760', put: 'var getHeapMax=()=>Module.cordonHeapMax()', times: 1 },
  { find: 'export default _createPyodideModule;', put: '', times: 1 },
  // What a program has evaluated (emscripten_run_script, functions of a side module) sees the global object, not the glue.
  { find: '=eval(func)', put: '=(0,eval)(func)', times: 2 },
  { find: 'eval(UTF8ToString(ptr))', put: '(0,eval)(UTF8ToString(ptr))', times: 3 },
  { find: 'eval(data);loadDone()', put: '(0,eval)(data);loadDone()', times: 1 },
  // A restored interpreter needs the references that its memory names, and no Python of Pyodide's own run in it again.
  {
    find: 'API.finalizeBootstrap=function(t,e){t&&Wr();',
    put: 'API.finalizeBootstrap=function(t,e){if(t){Wr();Hr(API.config.jsglobals,t,e);return}',
    times: 1,
  },
  // The table of addresses for side modules: each of the 8,000 exports that one asks for is added when it does, and the
  // graphics library, which nothing here draws with, not at all. A third of the time of a restore.
  { find: 'updateGOT(origExports);LDSO.init();', put: 'LDSO.init();', times: 1 },
  {
    find: 'if(entry.value==-1){var value=resolveGlobalSymbol(symName,true).sym;',
    put: 'if(entry.value==-1){if(symName.startsWith("emscripten_gl")){entry.value=0;continue}var value=resolveGlobalSymbol(symName,true).sym;',
    times: 1,
  },
];

/**
 * `source` is pyodide.asm.mjs. The script's value is a function of the scope that answers `createPyodideModule`.
 * Errors: an edit that does not fit.
 */
export function pythonGlue(source: string): string {
  let glue = source;
  for (const { find, put, times } of edits) {
    const found = glue.split(find).length - 1;
    if (times === 0 ? found === 0 : found !== times)
      throw new Error(`pyodide.asm.mjs is not the one that this version of Cordon knows: "${find}" ${found} times`);
    glue = glue.replaceAll(find, put);
  }
  return `"use strict";(function({${scope}}){${glue}\nreturn _createPyodideModule})`;
}
