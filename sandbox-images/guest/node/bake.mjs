// For the build of an image: `node /opt/cordon/node/bake.cjs`.
import { writeFileSync } from 'node:fs';
import { cacheFile, loadTransformer } from './transform.mjs';

// Something of everything, so that what parses it is compiled.
const module = `import fs, { readFileSync as read } from 'node:fs';
export async function* first({ a = 1, ...b }, [c, , d] = [], ...rest) {
  for (const x of [1, 0x1f, 1e3, 2n]) { try { await x?.y ?? 1 } catch (e) { throw new Error(\`\${x} of \${e.message}\`); } finally {} }
  label: while (true) { switch (a) { case 1: break label; default: continue; } }
  for (let i = 0; i < 3; i++) if (i) i += 1; else i--;
  for (const k in b) do { delete b[k]; } while (!c);
  yield* rest;
}
class A extends Map { #p = 1; static s = 'x'; static of() { return new this(); } get g() { return super.size + this.#p; } constructor() { super(); } }
const { log } = console; var f = (y) => y ** 2, g = function () { return /x[^y]+/g.test(typeof this) ? { [f]: 1, f, c() {} } : null; };
const list = await Promise.all([1, 2].map(async (n) => n % 2 === 0 && n !== 3 || !n));
console.log('é', "\\u0041", list, import.meta.url, await import('node:path'));
({ f, g, value: f(1), ...A });`;
const script = `const path = require('path');\nmodule.exports = { path };\nif (require.main === module) console.log(path.join('a', 'b'));\npath.sep;`;

/** Writes the transformer's cache beside it. */
export function bake() {
  const { exports, script: compiled } = loadTransformer(undefined);
  for (const source of [module, script])
    for (const role of ['main', 'module'])
      exports.transform(JSON.stringify({ path: '/workspace/main.js', source, role }));
  writeFileSync(cacheFile, compiled.createCachedData());
}
