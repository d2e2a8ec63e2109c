import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openArena } from './arena.ts';
import type { Arena } from './attack.ts';
import { attacks } from './attacks.ts';

const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

attacks('inputs', [
  {
    name: 'an input with an own __proto__ is plain data',
    code: "[Object.hasOwn(input, '__proto__'), ({}).polluted === undefined, Object.getPrototypeOf(input) === Object.prototype]",
    input: JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'),
    ends: 'succeeded',
    result: [true, true, true],
  },
  {
    name: 'an input with a toJSON is data',
    code: 'input.toJSON',
    input: { toJSON: 'x' },
    ends: 'succeeded',
    result: 'x',
  },
  {
    name: 'an input with a then is data, not a promise',
    code: 'typeof input.then',
    input: { then: 'x' },
    ends: 'succeeded',
    result: 'string',
  },
  {
    name: 'an input of 100,000 keys arrives',
    code: 'Object.keys(input).length',
    input: Object.fromEntries(Array.from({ length: 100_000 }, (_, n) => [`k${n}`, n])),
    ends: 'succeeded',
    result: 100_000,
    limits: { ramBytes: 128 * 1024 * 1024, cpuMs: 3000 },
  },
  {
    name: 'an input with a key of a megabyte arrives',
    code: 'Object.keys(input)[0].length',
    input: { ['k'.repeat(1 << 20)]: 1 },
    ends: 'succeeded',
    result: 1 << 20,
    limits: { cpuMs: 2000 },
  },
  {
    name: 'an input larger than the memory of the run ends at ramBytes',
    code: 'input.length',
    input: Array.from({ length: 1_300_000 }, () => ({})),
    ends: /^limit_exceeded ramBytes$/,
    underGvisor: { ends: /^(succeeded|limit_exceeded ramBytes)$/ },
    limits: { ramBytes: 16 * 1024 * 1024, cpuMs: 5000, wallMs: 8000 },
  },
  {
    name: 'line separators in an input are data',
    code: 'input.length',
    input: '\u2028\u2029\u0000',
    ends: 'succeeded',
    result: 3,
  },
  {
    name: 'an input that closes a script is data',
    code: 'input',
    input: '"}); process.exit(1); ({"',
    ends: 'succeeded',
    result: '"}); process.exit(1); ({"',
  },
]);

describe('request bodies', () => {
  let arena: Arena;
  beforeAll(async () => {
    arena = await openArena();
  }, 30_000);
  afterAll(() => arena.close(), 30_000);

  const post = (body: string) => arena.call('POST', '/v1/runs', body);
  const program = '"language":"javascript","code":"1"';

  test.each([
    ['an input 100,000 levels deep', `{${program},"input":${deep(100_000)}}`],
    ['an input of 100,000 open brackets', `{${program},"input":${'['.repeat(100_000)}`],
    ['metadata 100,000 levels deep', `{${program},"metadata":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}`],
    ['an unknown field 100,000 levels deep', `{${program},"x":${deep(100_000)}}`],
    ['a limit of 1e999', `{${program},"limits":{"cpuMs":1e999}}`],
    ['a limit that is an own __proto__', `{${program},"limits":{"__proto__":{"cpuMs":1}}}`],
    ['a body that is an own __proto__', `{${program},"__proto__":{"agent":"victim"}}`],
    ['an agent that is a path', `{${program},"agent":"../victim"}`],
    ['an agent that is an array', `{${program},"agent":["victim"]}`],
    ['half a surrogate in the code', `{"language":"javascript","code":"\\ud800"}`],
    ['two bodies', `{${program}}{${program}}`],
    ['a body with a byte order mark in the middle', `{${program}\ufeff,"input":1}`],
  ])('%s is 400, and an honest run still answers', async (_name, body) => {
    const { status, text } = await post(body);
    expect({ status, text: text.slice(0, 300) }).toMatchObject({ status: 400 });
    expect(text).not.toMatch(/at \w+ \(|node:internal|RangeError/);
    await arena.honestRun();
    await arena.canaries();
  });

  test('an input at the deepest that is taken comes back as it is', async () => {
    for (let levels = 1000; levels > 10; levels = Math.floor(levels / 2)) {
      const { status, json } = await post(`{"language":"javascript","code":"input","input":${deep(levels)}}`);
      if (status === 400) continue;
      expect([status, json.status]).toEqual([200, 'succeeded']);
      expect(levels).toBeGreaterThan(50);
      return;
    }
    throw new Error('no depth was taken');
  });

  test('the service had no fault of its own', () => expect(arena.faults).toEqual([]));
});
