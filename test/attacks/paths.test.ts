import type { Attack } from './attack.ts';
import { attacks } from './attacks.ts';

/** Roads out of the workspace that are tried with every function; `secret` is a file, of the host or of another agent. */
const ROADS = `
const secret = input.hostFile;
const roads = ['..', '../..', '../victim/secret.txt', '../../victim/secret.txt', '/etc/passwd', '/proc/self/environ', '/proc/1/cmdline', '/dev/stdin', '/app', secret, '../'.repeat(40) + secret.slice(1), '/workspace/..' + secret, '/workspace/../etc/passwd', './a/../../x',
  '%2e%2e/x', '..%2fx', '..%5cx', '..\\\\..\\\\x', '\\\\\\\\host\\\\x', 'C:\\\\x', '\\uff0e\\uff0e/x', '..\\u2215x', '\\u2025/x', '..\\u0000/x', 'a\\u0000', '.\\u200b./x', '..;/x', '....//x', '/workspace\\u0000/../../x', 'file://' + secret, '~/x', '$HOME/x', '.../x', '/./../x', '//' + secret, 'a/\\ud800/b', 'x'.repeat(300), 'd/'.repeat(3000) + 'x', '', '.', '/', '/workspace', '/workspace/', 'con', 'nul'];
/** A road that stays below /workspace is no way out, however odd its name. */
const stays = (road) => { const p = require('node:path').resolve('/workspace', road); return p === '/workspace' || p.startsWith('/workspace/'); };
`;

const roads = (name: string, body: string): Attack => ({
  name,
  // Answers what it got out of: a value that is no error, over a road that leaves the workspace.
  code: `${ROADS}
const fs = require('node:fs'); const out = [];
fs.writeFileSync('own.txt', 'own');
for (const road of roads) {
  let got; try { got = await (${body})(road); } catch { continue; }
  if (typeof got === 'string' && /canary-|root:/.test(got)) out.push('READ ' + road);
  if (!stays(road)) out.push(road);
}
export default out;`,
  ends: 'succeeded',
  result: [],
  limits: { cpuMs: 3000, wallMs: 10_000, files: 5000, workspaceBytes: 8 * 1024 * 1024, ramBytes: 128 * 1024 * 1024 },
});

const fsCalls: [string, string][] = [
  ['readFileSync', "(p) => fs.readFileSync(p, 'utf8')"],
  ['readFile of promises', "(p) => fs.promises.readFile(p, 'utf8')"],
  ['readFile with a callback', "(p) => new Promise((ok, no) => fs.readFile(p, 'utf8', (e, v) => (e ? no(e) : ok(v))))"],
  ['writeFileSync', "(p) => fs.writeFileSync(p, 'evil')"],
  ['appendFileSync', "(p) => fs.appendFileSync(p, 'evil')"],
  ['statSync', '(p) => fs.statSync(p)'],
  ['readdirSync', '(p) => fs.readdirSync(p).join()'],
  ['mkdirSync', '(p) => fs.mkdirSync(p, { recursive: true })'],
  ['rmSync', '(p) => { if (stays(p)) throw 1; fs.rmSync(p, { recursive: true }); }'],
  ['unlinkSync', '(p) => { if (stays(p)) throw 1; fs.unlinkSync(p); }'],
  ['copyFileSync to it', "(p) => fs.copyFileSync('own.txt', p)"],
  ['copyFileSync from it', "(p) => { fs.copyFileSync(p, 'taken.txt'); return fs.readFileSync('taken.txt', 'utf8'); }"],
  ['renameSync to it', "(p) => { fs.writeFileSync('moved.txt', 'x'); fs.renameSync('moved.txt', p); }"],
  [
    'renameSync from it',
    "(p) => { if (stays(p)) throw 1; fs.renameSync(p, 'moved2.txt'); return fs.readFileSync('moved2.txt', 'utf8'); }",
  ],
  ['import', '(p) => import(p).then((m) => JSON.stringify(m))'],
  ['require', '(p) => JSON.stringify(require(p))'],
];

const link = (name: string, body: string): Attack => ({
  name,
  code: `const fs = require('node:fs'); const out = [];
for (const target of [input.hostFile, '/etc/passwd', '../victim/secret.txt', '/proc/self/root', '..', '/workspace/../..'])
  for (const make of [${body}]) {
    try { await make(target, 'link'); } catch { continue; }
    try { const text = fs.readFileSync('link', 'utf8'); if (/canary-|root:/.test(text)) out.push(target); } catch {}
    try { fs.writeFileSync('link', 'evil'); } catch {}
    try { if (fs.readdirSync('link').some((n) => n === 'etc' || n === 'passwd' || n === 'host.txt')) out.push(target); } catch {}
    try { fs.rmSync('link', { recursive: true, force: true }); } catch {}
  }
export default out;`,
  ends: 'succeeded',
  result: [],
  limits: { cpuMs: 3000, wallMs: 10_000 },
});

/** The kernel gives a hole away for nothing: it counts after the run, unless it is copied. */
const holes = { ends: /^(succeeded|limit_exceeded workspaceBytes)$/ };

attacks('paths', [
  ...fsCalls.map(([name, body]) => roads(`${name} takes no road out of the workspace`, body)),
  link(
    'a symbolic link leads nowhere outside',
    "(t, l) => fs.symlinkSync(t, l), (t, l) => fs.promises.symlink(t, l), (t, l) => fs.symlinkSync(t, l, 'dir')",
  ),
  link('a hard link leads nowhere outside', '(t, l) => fs.linkSync(t, l), (t, l) => fs.promises.link(t, l)'),
  {
    name: 'a file of another agent is not to be guessed',
    code: "const fs = require('node:fs'); const names = ['victim', 'default/victim', 'default', 'workspaces', '../victim', '../default/victim/secret.txt', '../../default/victim/secret.txt', '../../workspaces/default/victim/secret.txt']; export default names.filter((n) => { for (const p of [n, '/' + n, '/workspace/' + n, n + '/secret.txt']) { try { fs.readFileSync(p); return true; } catch {} try { if (fs.readdirSync(p).length) return true; } catch {} } return false; })",
    ends: 'succeeded',
    result: [],
  },
  {
    name: 'the memory of another agent is not to be guessed',
    code: "const got = []; for (const k of ['secret', 'victim/secret', '../victim/secret', 'default/victim/secret', '\\u0000secret', 'victim\\u0000secret', '', '*', '%', '__proto__', 'constructor']) { try { const v = await memory.get(k); if (v !== undefined) got.push(k); } catch {} } for (const p of ['', '..', '../', '\\u0000', '\\uffff']) { try { const l = await memory.list(p); if ([...(l.items ?? l)].length) got.push('list ' + p); } catch {} } export default got",
    ends: 'succeeded',
    result: [],
  },
  {
    name: 'a path argument that is an object is refused',
    code: "const fs = require('node:fs'); export default [{}, [], null, 5, Symbol.iterator, () => 1, { toString: () => '/etc/passwd' }, { path: '/etc/passwd' }, ['/etc/passwd'], new Proxy({}, {}), -1, 0, 1, 2, 3, 1e9].filter((p) => { try { const t = fs.readFileSync(p, 'utf8'); return true; } catch { return false; } }).length",
    ends: 'succeeded',
    result: 0,
  },
  {
    name: 'a path that changes while it is read is read once',
    code: "const fs = require('node:fs'); fs.writeFileSync('a', 'own'); let n = 0; const p = { toString() { return n++ ? '/etc/passwd' : 'a'; } }; let got = ''; try { got = fs.readFileSync(p, 'utf8'); } catch {} export default got.includes('root:')",
    ends: 'succeeded',
    result: false,
  },
  {
    name: 'a name of 300 bytes is refused, not cut',
    code: "const fs = require('node:fs'); let told; try { fs.writeFileSync('x'.repeat(300), 'x'); } catch (e) { told = e.code; } export default [told, fs.readdirSync('.').length]",
    ends: 'succeeded',
    result: ['ENAMETOOLONG', 0],
  },
  {
    name: 'more files than the limit fail with ENOSPC and end as limit_exceeded',
    code: "const fs = require('node:fs'); for (let n = 0; ; n++) fs.writeFileSync('f' + n, 'x');",
    ends: 'limit_exceeded files',
    underGvisor: { ends: /^limit_exceeded (files|ramBytes)$/ },
  },
  {
    name: 'more directories than the limit end as limit_exceeded',
    code: "const fs = require('node:fs'); for (let n = 0; ; n++) fs.mkdirSync('d' + n);",
    ends: 'limit_exceeded files',
    underGvisor: { ends: /^limit_exceeded (files|ramBytes)$/ },
  },
  {
    name: 'more bytes than the limit end as limit_exceeded',
    code: "const fs = require('node:fs'); for (;;) fs.appendFileSync('f', 'x'.repeat(100_000));",
    ends: 'limit_exceeded workspaceBytes',
  },
  {
    name: 'a truncate to a terabyte is refused',
    code: "const fs = require('node:fs'); fs.writeFileSync('f', ''); fs.truncateSync('f', 2 ** 40);",
    ends: 'limit_exceeded workspaceBytes',
    inContainer: holes,
  },
  {
    name: 'a write far beyond the end of a file is refused',
    code: "const fs = require('node:fs'); const fd = fs.openSync('f', 'w'); fs.writeSync(fd, Buffer.from('x'), 0, 1, 2 ** 40);",
    ends: /^(limit_exceeded workspaceBytes|failed \w*Error)$/,
    inContainer: holes,
  },
  {
    name: 'ENOSPC that the guest catches does not end it',
    code: "const fs = require('node:fs'); let told; try { fs.writeFileSync('f', 'x'.repeat(2 << 20)); } catch (e) { told = e.code; } export default told",
    ends: 'succeeded',
    result: 'ENOSPC',
  },
  {
    name: 'a file of the request outside of the workspace is refused',
    code: '1',
    files: [{ path: '../x', content: 'x' }],
    ends: '400 files.0.path',
  },
  {
    name: 'a file of the request with NUL is refused',
    code: '1',
    files: [{ path: 'a\0b', content: 'x' }],
    ends: '400 files.0.path',
  },
  {
    name: 'a file of the request at an absolute path outside is refused',
    code: '1',
    files: [{ path: '/etc/cron.d/x', content: 'x' }],
    ends: '400 files.0.path',
  },
  {
    name: 'a file of the request with a name of 300 bytes is refused',
    code: '1',
    files: [{ path: 'x'.repeat(300), content: 'x' }],
    ends: /^(400 files\.0\.path|failed |limit_exceeded )/,
  },
]);
