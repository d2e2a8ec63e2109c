import { describe, expect, test } from 'vitest';
import { run } from './harness.ts';

const value = async (code: string, options = {}) => {
  const ended = await run(code, { path: '/workspace/main.js', ...options });
  expect(ended.error).toBeUndefined();
  return ended.result;
};

describe('console', () => {
  test.each([
    ['console.log("a", 1, true, null, undefined, 10n, -0)', 'a 1 true null undefined 10n -0\n'],
    ['console.log("%s has %d %%", "x", 2, { a: [1, { b: {} }] })', 'x has 2 % { a: [ 1, { b: {} } ] }\n'],
    [
      'console.log([1, "two", new Map([[1, { a: 1 }]])], new Set(["x"]))',
      "[ 1, 'two', Map(1) { 1 => { a: 1 } } ] Set(1) { 'x' }\n",
    ],
    ['console.group("g"); console.info({ a: 1 }); console.groupEnd(); console.debug("out")', 'g\n  { a: 1 }\nout\n'],
    ['console.count(); console.count("x"); console.count()', 'default: 1\nx: 1\ndefault: 2\n'],
    [
      'console.table([{ a: 1 }])',
      '┌─────────┬───┐\n│ (index) │ a │\n├─────────┼───┤\n│ 0       │ 1 │\n└─────────┴───┘\n',
    ],
    ['console.dir({ a: { b: { c: { d: 1 } } } }, { depth: 0 })', '{ a: [Object] }\n'],
    ['process.stdout.write("no line"); process.stdout.write(new Uint8Array([104, 105]))', 'no linehi'],
  ])('%s', async (code, stdout) => {
    expect((await run(code, { path: '/workspace/main.js' })).stdout).toBe(stdout);
  });
  test('warn, error, trace, assert go to stderr', async () => {
    const ended = await run(
      'console.warn("w"); console.error("e"); console.assert(1 > 2, "a"); console.assert(true); console.trace("t")',
      { path: '/workspace/main.js' },
    );
    expect(ended.stdout).toBe('');
    expect(ended.stderr).toBe('w\ne\nAssertion failed: a\nTrace: t\n    at /workspace/main.js:1:98\n');
  });
  test('time', async () => {
    expect((await run('console.time("t"); console.timeEnd("t")')).stdout).toMatch(/^t: [\d.]+ms\n$/);
  });
  test('an error is shown with its stack, cause and fields', async () => {
    const ended = await run(
      'console.log(Object.assign(new TypeError("bad", { cause: new Error("why") }), { code: 7 }))',
      { path: '/workspace/main.js' },
    );
    expect(ended.stdout).toContain('TypeError: bad\n    at /workspace/main.js:1:27');
    expect(ended.stdout).toContain('code: 7');
    expect(ended.stdout).toContain('[cause]: Error: why');
  });
});

describe('globals', () => {
  test('URL and URLSearchParams', async () => {
    expect(
      await value(
        'const u = new URL("../x?a=1&b=ü#h", "https://user@bücher.de:443/a/b/"); [u.href, u.host, [...u.searchParams], URL.canParse("x")]',
      ),
    ).toEqual([
      'https://user@xn--bcher-kva.de/a/x?a=1&b=%C3%BC#h',
      'xn--bcher-kva.de',
      [
        ['a', '1'],
        ['b', 'ü'],
      ],
      false,
    ]);
  });
  test('TextEncoder and TextDecoder', async () => {
    expect(
      await value(`const bytes = new TextEncoder().encode("aé€😀\\ud800"); const bad = new Uint8Array([0xe2, 0x82, 0x41]);
      let fatal; try { new TextDecoder("utf-8", { fatal: true }).decode(bad) } catch (e) { fatal = e.name }
      const d = new TextDecoder(); const parts = d.decode(bytes.subarray(0, 4), { stream: true }) + d.decode(bytes.subarray(4));
      [bytes.length, parts, new TextDecoder().decode(bad), fatal, new TextDecoder("latin1").decode(new Uint8Array([0xe9, 0x80])), new TextDecoder("utf-16le").decode(new Uint8Array([0x3d, 0xd8, 0, 0xde]))]`),
    ).toEqual([13, 'aé€😀\ufffd', '\ufffdA', 'TypeError', 'é€', '😀']);
  });
  test('structuredClone', async () => {
    expect(
      await value(`const o = { d: new Date(0), m: new Map([[1, new Set([2])]]), b: new Uint8Array([1]), e: new RangeError("x") }; o.self = o; const c = structuredClone(o);
      let refused; try { structuredClone(() => {}) } catch (e) { refused = e.name }
      [c !== o, c.self === c, c.d.getTime(), [...c.m.get(1)], c.b[0], c.e instanceof RangeError, refused]`),
    ).toEqual([true, true, 0, [2], 1, true, 'DataCloneError']);
  });
  test('atob, btoa', async () => {
    expect(
      await value(
        '[btoa("\\xff\\0a"), atob(" /w Bh ").length, (() => { try { atob("a") } catch (e) { return e.name } })()]',
      ),
    ).toEqual(['/wBh', 3, 'InvalidCharacterError']);
  });
  test('crypto', async () => {
    expect(
      await value(`const hex = async (name) => Buffer.from(await crypto.subtle.digest(name, new TextEncoder().encode("abc"))).toString("hex").slice(0, 8);
      [/^[0-9a-f]{8}-[0-9a-f]{4}-4/.test(crypto.randomUUID()), crypto.getRandomValues(new Uint8Array(32)).some(Boolean), await hex("SHA-1"), await hex("SHA-256"), await hex("SHA-384"), await hex("sha-512"), require("crypto").createHash("sha256").update("abc").digest("hex").slice(0, 8)]`),
    ).toEqual([true, true, 'a9993e36', 'ba7816bf', 'cb00753f', 'ddaf35a1', 'ba7816bf']);
  });
  test('AbortController, AbortSignal, events', async () => {
    expect(
      await value(`const c = new AbortController(); const seen = []; c.signal.addEventListener("abort", (e) => seen.push(e.type)); const any = AbortSignal.any([c.signal]); c.abort(); c.abort();
      const t = AbortSignal.timeout(1); await new Promise((r) => setTimeout(r, 20)); const target = new EventTarget(); target.addEventListener("x", (e) => { seen.push(e.detail); e.preventDefault() }, { once: true });
      seen.push(target.dispatchEvent(new CustomEvent("x", { detail: 1, cancelable: true })), target.dispatchEvent(new Event("x")));
      [seen, any.aborted, c.signal.reason.name, t.reason.name]`),
    ).toEqual([['abort', 1, false, true], true, 'AbortError', 'TimeoutError']);
  });
  test('Headers, Request, Response, Blob, FormData', async () => {
    expect(
      await value(`const h = new Headers({ B: "2" }); h.append("a", "1"); h.append("a", "3"); const r = new Request("https://x.y/z", { method: "post", body: new URLSearchParams({ q: "1 2" }) });
      const form = new FormData(); form.append("f", new Blob(["x"]), "n.txt"); const res = new Response(form);
      [[...h], r.method, r.headers.get("content-type"), await r.text(), (await Response.json({ a: 1 }).json()).a, (await new Response(new Uint8Array([104])).arrayBuffer()).byteLength, /filename="n.txt"/.test(await res.text()), res.bodyUsed, new Response("", { status: 404 }).ok]`),
    ).toEqual([
      [
        ['a', '1, 3'],
        ['b', '2'],
      ],
      'POST',
      'application/x-www-form-urlencoded;charset=UTF-8',
      'q=1+2',
      1,
      1,
      true,
      true,
      false,
    ]);
  });
  test('fetch asks the host and tells its refusal', async () => {
    const ended = await run('try { await fetch("https://a.b") } catch (e) { [e.name, e.message] }', {
      path: '/workspace/main.js',
    });
    expect(ended.error).toBeUndefined();
    expect(ended.calls).toEqual(['fetch']);
    expect(await value('try { await fetch("https://a.b"); } catch (e) { console.log(e.name) } 1')).toBe(1);
    expect(
      await value('const r = await fetch("https://a.b/"); [r.status, r.headers.get("x")]', {
        host: { fetch: () => ({ status: 201, headers: [['x', 'y']] }) },
      }),
    ).toEqual([201, 'y']);
  });
  test('process is small', async () => {
    expect(
      await value(
        '[process.cwd(), Object.keys(process.env).length, Object.isFrozen(process.env), Array.isArray(process.argv), typeof process.version, typeof process.versions, typeof process.binding, typeof process.kill]',
      ),
    ).toEqual(['/workspace', 0, true, true, 'undefined', 'undefined', 'undefined', 'undefined']);
  });
  test('performance counts from the start of the run', async () => {
    expect(await value('performance.now() >= 0 && performance.now() < 10_000')).toBe(true);
    expect(await value('Math.abs(performance.timeOrigin + performance.now() - Date.now()) < 1000')).toBe(true);
  });
  test('performance.now is coarse', async () => {
    expect(await value('const t = performance.now(); Math.abs(t * 10 - Math.round(t * 10)) < 1e-6')).toBe(true);
  });
});

describe('node modules', () => {
  test('node:fs, synchronous', async () => {
    expect(
      await value(`const fs = require('node:fs'); fs.mkdirSync('d/e', { recursive: true }); fs.writeFileSync('d/e/f.txt', 'hello'); fs.appendFileSync('d/e/f.txt', ' you'); fs.copyFileSync('d/e/f.txt', 'g.txt'); fs.renameSync('g.txt', 'h.txt');
      const s = fs.statSync('h.txt'); const errors = []; for (const f of [() => fs.readFileSync('no'), () => fs.rmdirSync('d'), () => fs.mkdirSync('d'), () => fs.readFileSync('d'), () => fs.writeFileSync('h.txt', '', { flag: 'wx' }), () => fs.unlinkSync('d')]) try { f() } catch (e) { errors.push(e.code) }
      const names = fs.readdirSync('.', { withFileTypes: true }).map((e) => e.name + e.isDirectory()).sort(); const all = fs.readdirSync('d', { recursive: true }).sort(); fs.rmSync('d', { recursive: true }); fs.unlinkSync('h.txt');
      [s.size, s.isFile(), s.mtime instanceof Date, errors, names, all, fs.existsSync('d'), fs.existsSync('h.txt')]`),
    ).toEqual([
      9,
      true,
      true,
      ['ENOENT', 'ENOTEMPTY', 'EEXIST', 'EISDIR', 'EEXIST', 'EISDIR'],
      ['dtrue', 'h.txtfalse'],
      ['e', 'e/f.txt'],
      false,
      false,
    ]);
  });
  test('node:fs, promises, callbacks, descriptors, streams', async () => {
    expect(
      await value(`import fs from 'node:fs'; import { writeFile, readFile, open } from 'node:fs/promises'; import { promisify } from 'node:util';
      await writeFile('a', 'abcdef'); const viaCallback = await new Promise((r) => fs.readFile('a', 'utf8', (e, d) => r(d))); const viaPromisify = await promisify(fs.readFile)('a', 'utf8');
      const fd = fs.openSync('a', 'r+'); const b = Buffer.alloc(3); fs.readSync(fd, b, 0, 3, 2); fs.writeSync(fd, 'XY', 0); fs.closeSync(fd); const h = await open('a'); const { bytesRead } = await h.read(Buffer.alloc(4)); await h.close();
      let text = ''; for await (const chunk of fs.createReadStream('a', { encoding: 'utf8', highWaterMark: 4 })) text += chunk + '|';
      const w = fs.createWriteStream('w'); w.write('1'); await new Promise((r) => w.end('2', r));
      export default [viaCallback, viaPromisify, b.toString(), bytesRead, text, await readFile('w', 'utf8')]`),
    ).toEqual(['abcdef', 'abcdef', 'cde', 4, 'XYcd|ef|', '12']);
  });
  test('node:path, buffer, util, events', async () => {
    expect(
      await value(`const path = require('path'), util = require('util'), { EventEmitter, once } = require('events'); const { Buffer: B } = require('buffer');
      const e = new EventEmitter(); const got = once(e, 'x'); e.emit('x', 5);
      [path.resolve('a'), path.relative('/workspace/a', '/workspace/b'), B === Buffer, util.format('%s:%j', 'a', { b: 1 }), util.inspect({ a: 1 }), util.types.isRegExp(/x/), util.isDeepStrictEqual(new Map([[{ a: 1 }, 2]]), new Map([[{ a: 1 }, 2]])), await got, util.parseArgs({ args: ['-f', '--bar=b'], options: { foo: { type: 'boolean', short: 'f' }, bar: { type: 'string' } } }).values, Buffer.from('ff', 'hex')[0], Buffer.concat([Buffer.from('a'), Buffer.from('b')]).toString('base64')]`),
    ).toEqual([
      '/workspace/a',
      '../b',
      true,
      'a:{"b":1}',
      '{ a: 1 }',
      true,
      true,
      [5],
      { foo: true, bar: 'b' },
      255,
      'YWI=',
    ]);
  });
  test('a misspelt option of memory is refused: a guard that is not there loses data', async () => {
    expect(
      await value(`import { memory } from "cordon"; const told = []; for (const options of [{ ifrevision: 1 }, { ttl: 5 }])
      await memory.set("m", 1, options).catch((e) => told.push(e.name, e.message));
      await memory.delete("m", { ttlMs: 1 }).catch((e) => told.push(e.message));
      export default [told, await memory.get("m"), await memory.set("m", 2, null), await memory.set("m", 3, { ttlMs: undefined })]`),
    ).toEqual([
      [
        'TypeError',
        'There is no option ifrevision; there are ttlMs, ifRevision',
        'TypeError',
        'There is no option ttl; there are ttlMs, ifRevision',
        'There is no option ttlMs; there are ifRevision',
      ],
      null,
      1,
      2,
    ]);
  });
  test('memory', async () => {
    expect(
      await value(`import { memory } from "cordon"; const r1 = await memory.set("a/1", { x: [1] }); await memory.set("a/2", null); let mismatch; try { await memory.set("a/1", 1, { ifRevision: null }) } catch (e) { mismatch = e.name }
      const list = (await memory.list("a/")).map(({ key, revision }) => [key, revision]); export default [r1, await memory.get("a/1"), await memory.get("a/2"), await memory.get("none"), mismatch, list, await memory.delete("a/1"), await memory.delete("a/1")]`),
    ).toEqual([
      1,
      { x: [1] },
      null,
      null,
      'RevisionMismatch',
      [
        ['a/1', 1],
        ['a/2', 1],
      ],
      true,
      false,
    ]);
  });
  test('display', async () => {
    const ended = await run(
      'import { display } from "cordon"; display("<b>", "text/html"); display({ _repr_svg_: () => "<svg/>" }); display({ a: 1 }); display("t"); display(new Uint8Array([1]), "image/png")',
    );
    expect(ended.displays).toEqual([
      { mime: 'text/html', data: '<b>' },
      { mime: 'image/svg+xml', data: '<svg/>' },
      { mime: 'application/json', data: '{"a":1}' },
      { mime: 'text/plain', data: 't' },
      { mime: 'image/png', data: 'AQ==' },
    ]);
  });
});
