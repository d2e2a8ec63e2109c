import { expect, test } from 'vitest';
import { createCommandHelper } from '../../../runtime/workspace/sized/command-helper.ts';

test('programs run with exactly their arguments, many at once, each with its own answer', async () => {
  const { run, close } = createCommandHelper();
  const odd = ['a b', '$(echo x)', "'", '"', '\\', '*', '-n', '', 'é', '; exit 1', '`id`', '%s'];
  expect(await run('printf', ['[%s]', ...odd])).toBe(odd.map((argument) => `[${argument}]`).join(''));
  const many = Array.from({ length: 40 }, (_, n) => run('sh', ['-c', `sleep 0.0${n % 10}; echo ${n}`]));
  expect((await Promise.all(many)).map((said) => said.trim())).toEqual(Array.from({ length: 40 }, (_, n) => String(n)));
  close();
});

test('failures are VolumeErrors with what was said, and what takes too long is killed', async () => {
  const { run, close } = createCommandHelper();
  await expect(run('ls', ['/nonexistent/place'])).rejects.toThrow(/ls failed: .*nonexistent/);
  await expect(run('no-such-program', [])).rejects.toThrow(/no-such-program failed/);
  await expect(run('sleep', ['30'], 1000)).rejects.toMatchObject({ name: 'VolumeError' });
  expect(await run('echo', ['still here'])).toBe('still here');
  close();
});

test('line breaks in arguments, and calls after the end, take the other way', async () => {
  const { run, close } = createCommandHelper();
  expect(await run('printf', ['%s', 'two\nlines'])).toBe('two\nlines');
  close();
  expect((await run('echo', ['late'])).trim()).toBe('late');
});
