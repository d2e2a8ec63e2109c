/** The command `cordon` in shells under the supervisor. */
import { afterEach, describe, expect, test } from 'vitest';
import { closeSupervised, missing, open, type RunOptions } from './supervisor-bench.ts';

afterEach(closeSupervised);

const shell = async (code: string, options?: RunOptions) => (await open()).run('shell', code, options);

describe.skipIf(missing)('the command cordon', () => {
  test('result: the last one counts, large integers are text, what is no JSON is refused', async () => {
    const { end, stdout, stderr } = await shell(
      `cordon result 1; echo '{"a":12345678901234567890}' | cordon result; cordon result NaN; echo $?`,
    );
    expect(end).toEqual({ status: 'succeeded', result: { a: '12345678901234567890' }, resultType: 'object' });
    expect([stdout, stderr]).toEqual(['1\n', 'cordon: the result is not JSON: NaN is not JSON\n']);
  });

  test('result: one that is too large', async () => {
    const { end, stdout } = await shell('printf \'"%05000d"\' 0 | cordon result; echo $?', {
      limits: { resultBytes: 4000 },
    });
    expect([end, stdout]).toMatchObject([{ status: 'limit_exceeded', error: { limit: 'resultBytes' } }, '3\n']);
  });

  test('input, memory', async () => {
    const { stdout, stderr } = await shell(
      `cordon input; cordon input --raw a b; cordon input l 1; cordon input x || echo no
       cordon memory get k || echo none
       cordon memory set k '{"x":"ü"}' --ttl-ms 1000; cordon memory get k; echo text | cordon memory set t --raw
       cordon memory list; cordon memory delete k; cordon memory delete k`,
      { input: { a: { b: 'text' }, l: [1, [2]] } },
    );
    expect(stdout).toBe('{"a":{"b":"text"},"l":[1,[2]]}\ntext\n[2]\nno\nnone\n1\n{"x":"ü"}\n2\nk\nt\ntrue\nfalse\n');
    expect(stderr).toBe('cordon: the input has no x\ncordon: the memory has no k\n');
  });

  test('display, in order with what the shell prints', async () => {
    const { shown } = await shell(
      'echo a; echo "<b>" > a.html; cordon display a.html; echo b; head -c 3 /dev/zero | cordon display --mime image/png',
    );
    expect(shown).toEqual(['stdout a\n', 'display <b>\n', 'stdout b\n', 'display AAAA']);
  });

  test('a limit is told, and ends the command with 3', async () => {
    const { end, stdout, stderr } = await shell('cordon memory list; cordon memory list; echo $?', {
      limits: { hostCalls: 1 },
    });
    expect(end).toMatchObject({ status: 'limit_exceeded', error: { name: 'QuotaExceeded', limit: 'hostCalls' } });
    expect([stdout, stderr]).toEqual(['3\n', 'cordon: QuotaExceeded: hostCalls is used up\n']);
  });

  test('wrong use is told, and ends with 2', async () => {
    const { stdout, stderr } = await shell('cordon frob; echo $?; cordon memory set; echo $?; cordon help | head -1');
    expect(stdout).toBe('2\n2\ncordon result JSON             the result of the run; the last one counts\n');
    expect(stderr).toContain("cordon: there is no 'frob'; see cordon help");
  });
});
