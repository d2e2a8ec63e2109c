// The source transformer, loaded when it is first needed; TypeScript's parser only for TypeScript.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Script } from 'node:vm';

const folder = import.meta.dirname;
/** The transformer's compiled code, made when the image is (bake.mjs): it halves the time until a program starts. */
export const cacheFile = `${folder}/transformer.cache`;

let loaded;

/** As source/transformer.js answers: {ok: true, code, kind, ...} or {ok: false, error}. `role`: "main" or "module". */
export function transform(path, source, role) {
  loaded ??= loadTransformer(readCache()).exports;
  const request = JSON.stringify({ path, source, role });
  let answer = JSON.parse(loaded.transform(request));
  if (answer.needs !== undefined) {
    loaded.amaro = createRequire(import.meta.filename)('./typescript.cjs').amaro;
    answer = JSON.parse(loaded.transform(request));
  }
  return answer;
}

/** The transformer's exports and its script. A cache of another V8 is passed over. */
export function loadTransformer(cachedData) {
  const filename = `${folder}/transformer.cjs`;
  // It is ASCII, and V8 keeps a byte for a character then.
  const code = `(function(module){${readFileSync(filename, 'latin1')}\n})`;
  const script = new Script(code, { filename, cachedData });
  const module = { exports: {} };
  script.runInThisContext()(module);
  return { exports: module.exports, script };
}

function readCache() {
  try {
    return readFileSync(cacheFile);
  } catch {
    return undefined;
  }
}
