// node:assert, what programs use of it; always strict.
import { isDeepStrictEqual } from '../node-util/equal.js';

const inspect = (value) => cordon.lazy('inspect').inspect(value);

export class AssertionError extends Error {
  constructor({ message, actual, expected, operator }) {
    super(message);
    this.name = 'AssertionError';
    this.code = 'ERR_ASSERTION';
    this.actual = actual;
    this.expected = expected;
    this.operator = operator;
  }
}

function check(holds, message, actual, expected, operator, told) {
  if (holds) return;
  if (told instanceof Error) throw told;
  throw new AssertionError({ message: told ?? message, actual, expected, operator });
}

function matches(error, expected) {
  if (expected === undefined) return true;
  if (expected instanceof RegExp) return expected.test(`${error}`);
  if (typeof expected === 'function') {
    if (expected.prototype !== undefined && error instanceof expected) return true;
    return Object.prototype.isPrototypeOf.call(Error, expected) ? false : expected(error) === true;
  }
  return Object.keys(expected).every((key) =>
    expected[key] instanceof RegExp ? expected[key].test(error[key]) : isDeepStrictEqual(error[key], expected[key]),
  );
}

export function assert(value, message) {
  check(value, `The expression evaluated to a falsy value: ${inspect(value)}`, value, true, '==', message);
}
const equal = (a, b, told) =>
  check(
    Object.is(a, b),
    `Expected values to be strictly equal:\n\n${inspect(a)} !== ${inspect(b)}\n`,
    a,
    b,
    'strictEqual',
    told,
  );
const notEqual = (a, b, told) =>
  check(!Object.is(a, b), `Expected "actual" to be strictly unequal to: ${inspect(b)}`, a, b, 'notStrictEqual', told);
const deep = (a, b, told) =>
  check(
    isDeepStrictEqual(a, b),
    `Expected values to be strictly deep-equal:\n${inspect(a)}\n\nshould equal\n\n${inspect(b)}`,
    a,
    b,
    'deepStrictEqual',
    told,
  );
const notDeep = (a, b, told) =>
  check(
    !isDeepStrictEqual(a, b),
    'Expected "actual" not to be strictly deep-equal to "expected"',
    a,
    b,
    'notDeepStrictEqual',
    told,
  );

Object.assign(assert, {
  AssertionError,
  ok: assert,
  equal,
  strictEqual: equal,
  notEqual,
  notStrictEqual: notEqual,
  deepEqual: deep,
  deepStrictEqual: deep,
  notDeepEqual: notDeep,
  notDeepStrictEqual: notDeep,
  fail(message = 'Failed') {
    check(false, message, undefined, undefined, 'fail', message);
  },
  match: (text, pattern, told) =>
    check(pattern.test(text), `The input did not match ${pattern}: ${inspect(text)}`, text, pattern, 'match', told),
  doesNotMatch: (text, pattern, told) =>
    check(!pattern.test(text), `The input was expected not to match ${pattern}`, text, pattern, 'doesNotMatch', told),
  throws(body, expected, told) {
    let thrown;
    try {
      body();
    } catch (error) {
      thrown = { error };
    }
    if (typeof expected === 'string') return assert.throws(body, undefined, expected);
    check(thrown !== undefined, 'Missing expected exception.', undefined, expected, 'throws', told);
    if (!matches(thrown.error, expected)) throw thrown.error;
  },
  doesNotThrow: (body) => body(),
  async rejects(body, expected, told) {
    let thrown;
    try {
      await (typeof body === 'function' ? body() : body);
    } catch (error) {
      thrown = { error };
    }
    check(thrown !== undefined, 'Missing expected rejection.', undefined, expected, 'rejects', told);
    if (!matches(thrown.error, expected)) throw thrown.error;
  },
  doesNotReject: async (body) => {
    await (typeof body === 'function' ? body() : body);
  },
  ifError(value) {
    if (value !== null && value !== undefined) throw value;
  },
});
assert.strict = assert;
