// Why a module could not be loaded, told so that the reader knows what there is.
import { listed, moduleError } from './builtins.js';

const { hide, mapSet, own } = cordon.primordials;

/** The error to throw for the host's refusal to load `specifier` for the file `referrer`. */
export function explain(error, specifier, referrer) {
  if (error.name === 'SyntaxError' || /available here/.test(error.message)) return syntaxError(error);
  const relative = /^\.{0,2}\//.test(specifier);
  const hint = relative
    ? ''
    : ` There are: ${listed}; files by a relative path; packages only where the operator placed them.`;
  const message = `${error.message.includes(specifier) ? error.message : `Cannot find module '${specifier}' imported from ${referrer}`}.${hint}`;
  const explained = moduleError(message.replace('..', '.'));
  const limit = cordon.primordials.limitOfError.get(error);
  if (limit !== undefined) cordon.primordials.limitOfError.set(explained, limit);
  return explained;
}

/** What `load` answers; what it throws because there is no such module is told at the n-th import of `module`. */
export function atImport(module, n, load) {
  try {
    return load();
  } catch (error) {
    throw own(error, 'code') === 'ERR_MODULE_NOT_FOUND' ? tellPlace(error, module, n) : error;
  }
}

/** Gives `error` the place of the n-th import: it is thrown before a line of that file runs. */
export function tellPlace(error, module, n) {
  const place = module.places[n];
  if (place === undefined) return error;
  // The place is one of the source, not of the code that was made of it: only what TypeScript moved is told back.
  const mappings = module.map === undefined ? undefined : own(module.map, 'mappings');
  const { line, column } = cordon.original(mappings === undefined ? true : { mappings }, place[0], place[1]);
  hide(error, 'stack', `${error.name}: ${error.message}\n    at ${module.path}:${line}:${column}`);
  return error;
}

/** The host's SyntaxError with the position in the file that has it: message, newline, stack frames. */
function syntaxError(error) {
  const split = error.message.indexOf('\n    at ');
  const result = new SyntaxError(split < 0 ? error.message : error.message.slice(0, split));
  if (split >= 0) {
    const frames = error.message.slice(split + 1);
    hide(result, 'stack', `SyntaxError: ${result.message}\n${frames}`);
    for (const line of frames.split('\n')) mapSet(cordon.sources, line.slice(7).replace(/:\d+:\d+$/, ''), true);
  }
  return result;
}
