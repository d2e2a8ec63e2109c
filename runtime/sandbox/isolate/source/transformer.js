// Runs in an isolate of its own: reads guest code as text, never runs it. Defines globalThis.transform.
import { parse } from 'acorn';
import { writeScript } from './cjs.js';
import { writeModule } from './esm.js';
import { removeTypes } from './types.js';

/**
 * JSON of {path, source, role: "main" | "module"} -> JSON of {ok: true, code, kind, imports, places?, hasDefault, hasResult, map?}
 * or {ok: false, error: {name, message, stack}, broken?}. TypeScript needs the asset typescript.js loaded before; if it
 * is not, the answer is {ok: false, needs: "typescript.js"}.
 */
globalThis.transform = (json) => JSON.stringify(transform(JSON.parse(json)));

function transform({ path, source, role }) {
  try {
    if (path.endsWith('.json')) return writeJson(path, source);
    let text = source.charCodeAt(0) === 0xfeff ? ` ${source.slice(1)}` : source;
    let mappings;
    if (/\.[mc]?ts$/.test(path)) {
      const stripped = removeTypes(path, text);
      if (!stripped.ok) return stripped;
      text = stripped.code;
      mappings = stripped.mappings;
    }
    const { shifts, ...written } = write(path, text, role);
    const map = { ...(Object.keys(shifts).length > 0 && { shifts }), ...(mappings && { mappings }) };
    return { ok: true, ...written, ...((map.shifts || map.mappings) && { map }) };
  } catch (error) {
    return failure(path, error);
  }
}

function write(path, text, role) {
  const options = { ecmaVersion: 'latest', allowHashBang: true, ranges: true };
  const asModule = () =>
    writeModule(hideHashBang(text), parse(text, { ...options, sourceType: 'module' }), role, /\.[mc]?ts$/.test(path));
  const asScript = () =>
    writeScript(
      hideHashBang(text),
      parse(text, { ...options, sourceType: 'script', allowReturnOutsideFunction: true }),
      role,
    );
  if (/\.m[jt]s$/.test(path)) return asModule();
  if (/\.c[jt]s$/.test(path)) return asScript();
  // A file without import and export that uses CommonJS names is CommonJS, as Node.js decides too.
  if (/\b(module|exports|__filename|__dirname)\b/.test(text) && !/^\s*(import|export)\b/m.test(text)) {
    try {
      return asScript();
    } catch {
      return asModule();
    }
  }
  try {
    return asModule();
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    try {
      return asScript();
    } catch {
      throw error;
    }
  }
}

function hideHashBang(text) {
  return text.startsWith('#!') ? `//${text.slice(2)}` : text;
}

function writeJson(path, source) {
  try {
    JSON.parse(source);
  } catch (error) {
    return syntaxError(path, `${path} is not JSON: ${error.message}`);
  }
  return { ok: true, code: source, kind: 'json', imports: [], hasDefault: true, hasResult: false };
}

function failure(path, error) {
  if (error instanceof SyntaxError && error.loc && !/stack space/.test(error.message)) {
    const message = error.message.replace(/ \(\d+:\d+\)$/, '');
    return syntaxError(path, message, error.loc.line, error.loc.column + 1);
  }
  if (error instanceof RangeError || /stack space/.test(error?.message))
    return syntaxError(path, 'The code is nested too deeply');
  return syntaxError(path, `The code could not be read: ${error?.message ?? error}`);
}

function syntaxError(path, message, line = 1, column = 1) {
  return { ok: false, error: { name: 'SyntaxError', message, stack: `    at ${path}:${line}:${column}` } };
}
