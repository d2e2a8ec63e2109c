import type { Attack } from './attack.ts';
import { attacks } from './attacks.ts';

const atCpu = 'limit_exceeded cpuMs';
const loop = (name: string, code: string, more: Partial<Attack> = {}): Attack => ({
  name: `${name} ends at cpuMs`,
  code,
  ends: atCpu,
  ...more,
});

attacks('endless loops', [
  loop('an empty loop', 'for (;;);'),
  loop('a loop in TypeScript', 'const n: number = 1; while (n) {}', { language: 'typescript' }),
  loop('a loop that catches everything', 'for (;;) { try { for (;;); } catch { continue; } finally { for (;;); } }'),
  loop('a loop after an await', 'await 0; for (;;);'),
  loop('a loop of awaits', 'for (;;) await 0;'),
  loop('a loop in an async function that nobody awaits', '(async () => { for (;;) await null; })(); 1'),
  // Each link waits for the next one, so the chain takes memory, too: it has enough to come to its CPU time.
  loop('a chain of promises that feeds itself', 'const again = () => Promise.resolve().then(again); again(); 1', {
    limits: { ramBytes: 512 * 1024 ** 2 },
  }),
  loop('a flood of microtasks that queue microtasks', 'const again = () => queueMicrotask(again); again(); 1'),
  loop('a flood of ticks that queue ticks', 'const again = () => process.nextTick(again); again(); 1'),
  loop('a promise that resolves to a thenable for ever', 'const t = { then(ok) { ok(t); } }; await t;'),
  loop('an async generator without an end', 'async function* g() { for (;;) yield 1; } for await (const _ of g());'),
  loop('a generator without an end', 'function* g() { for (;;) yield 1; } let n = 0; for (const x of g()) n += x;'),
  loop('a spread of an endless iterator', '[].concat(...{ *[Symbol.iterator]() { for (;;) yield []; } });', {
    ends: /^limit_exceeded (cpuMs|ramBytes)$/,
    name: 'a spread of an endless iterator ends at cpuMs or ramBytes',
  }),
  loop('a regular expression that backtracks for ever', "/^(a+)+$/.test('a'.repeat(60) + '!')"),
  loop('a replace whose callback loops', "'a'.replace(/a/, () => { for (;;); })"),
  loop('a proxy whose trap loops', 'new Proxy({}, { get() { for (;;); } }).x'),
  loop('a getter of the result that loops', '({ get x() { for (;;); } })'),
  loop(
    'a proxy in the result whose ownKeys loops',
    '({ inner: new Proxy({}, { ownKeys() { for (;;); }, getPrototypeOf() { for (;;); } }) })',
  ),
  loop('a toJSON that loops in JSON.stringify', 'JSON.stringify({ toJSON() { for (;;); } })'),
  loop('a comparator that loops', '[3, 2, 1].sort(() => { for (;;); })'),
  loop('a sort of a large array in turns', 'for (;;) Array.from({ length: 1e5 }, Math.random).sort();'),
  loop('a loop in a timer', 'setTimeout(() => { for (;;); }, 5); 1'),
  loop('a loop in the second timer', 'setTimeout(() => setTimeout(() => { for (;;); }, 1), 1); 1'),
  loop('a loop in the answer of a host call', "memory.get('k').then(() => { for (;;); }); 1"),
  loop('a loop in a getter of a thrown error', 'throw { get name() { for (;;); }, get message() { for (;;); } }'),
  loop('a loop in prepareStackTrace', 'Error.prepareStackTrace = () => { for (;;); }; null.x'),
  loop('a loop in a class field while it is exported', 'export default new (class { x = (() => { for (;;); })(); })()'),
  loop('a loop in the default function', 'export default () => { for (;;); }'),
  loop('a loop in an imported module', "import './loop.js'; 1", { files: [{ path: 'loop.js', content: 'for (;;);' }] }),
  loop('a loop in a tagged template', 'const t = () => { for (;;); }; t`x`'),
  loop('a loop in valueOf of an argument of setTimeout', 'setTimeout(() => {}, { valueOf() { for (;;); } })'),
  loop(
    'a loop in toString of something logged',
    'console.log({ [Symbol.toPrimitive]() { for (;;); }, toString() { for (;;); } } + "")',
  ),
  loop(
    'a loop in the inspection of something logged',
    "console.log({ [Symbol.for('nodejs.util.inspect.custom')]() { for (;;); } })",
  ),
  loop('a loop in a finalizer of the stack: unwinding', 'function f() { try { f(); } finally { f(); } } f();'),
  loop('a loop of exceptions', 'for (;;) { try { null.x; } catch {} }'),
  loop('a loop of eval', "for (;;) eval('1+1');"),
  loop('a loop of new Function', "for (;;) new Function('return 1')();"),
  loop(
    'a loop in WebAssembly',
    'new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([0,97,115,109,1,0,0,0,1,4,1,96,0,0,3,2,1,0,7,5,1,1,102,0,0,10,9,1,7,0,3,64,12,0,11,11]))).exports.f()',
  ),
  loop('a multiplication of huge integers', 'let n = 3n; for (;;) n *= n;', {
    ends: /^limit_exceeded (cpuMs|ramBytes)$/,
    name: 'a multiplication of huge integers, which V8 cannot interrupt, ends at cpuMs or ramBytes',
  }),
  loop('a loop in a module loaded by require', "require('./loop.cjs')", {
    files: [{ path: 'loop.cjs', content: 'for (;;);' }],
  }),
  loop('a loop in a getter of a rejection that nobody handles', 'Promise.reject({ get message() { for (;;); } }); 1', {
    inContainer: { ends: /^(failed UnhandledRejection|limit_exceeded cpuMs)$/, why: 'Node.js does not run the getter' },
  }),
  loop('a loop in the then of the result', '({ then() { for (;;); } })'),
  loop('an Atomics wait', 'Atomics.wait(new Int32Array(new ArrayBuffer(8)), 0, 0)', {
    ends: /^failed TypeError$/,
    name: 'a wait on memory that is not shared is refused',
  }),
  {
    name: 'a promise that never settles ends at wallMs',
    code: 'await new Promise(() => {})',
    limits: { wallMs: 400 },
    ends: 'timed_out wallMs',
  },
  {
    name: 'an interval for ever ends at wallMs',
    code: 'setInterval(() => {}, 50); 1',
    limits: { wallMs: 400 },
    ends: 'timed_out wallMs',
  },
  {
    name: 'a timer in the far future ends at wallMs',
    code: 'setTimeout(() => {}, 2 ** 31 - 1); 1',
    limits: { wallMs: 400 },
    ends: 'timed_out wallMs',
  },
  {
    name: 'a loop shorter than cpuMs is no attack',
    code: 'const end = Date.now() + 50; while (Date.now() < end); "done"',
    ends: 'succeeded',
    result: 'done',
  },
]);
