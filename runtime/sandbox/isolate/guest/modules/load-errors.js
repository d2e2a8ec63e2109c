// Why a module could not be loaded, told so that the reader knows what there is.
import { listed, moduleError } from './builtins.js';

const { hide, mapSet } = cordon.primordials;

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
