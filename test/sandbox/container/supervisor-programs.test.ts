/** The programs of Python that every driver runs, under the supervisor: what of them differs in containers is left out by name. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { ends } from '../python/programs/ends.ts';
import { results } from '../python/programs/results.ts';
import { cordonModule, surroundings } from '../python/programs/surroundings.ts';
import { waiting } from '../python/programs/waiting.ts';
import { closeSupervised, type Ended, missing, open } from './supervisor-bench.ts';

afterEach(closeSupervised);

/** Name of a program and why it comes to something else here. */
const different = new Map<string, string>([
  ['an uncaught error shows the program and nothing else', 'CPython 3.11 marks no call that is a whole line'],
  ['a source with a null character', 'a ValueError before CPython 3.12'],
  ['subprocesses are refused with the reason', 'there are processes'],
  ['a shell is refused with the reason', 'there is a shell'],
  ['threads are refused with the reason', 'there are threads'],
  ['urlopen names the policy', 'the network is what the container has'],
  ['http.client names the policy', 'the network is what the container has'],
  ['sockets are refused with the reason', 'the network is what the container has'],
  ['names are not resolved', 'the network is what the container has'],
  ['EgressDenied is an OSError of cordon', 'asks through pyodide.http'],
  ['revisions', 'the memory of these tests has none'],
]);

const like = (want: unknown) => (want instanceof RegExp ? expect.stringMatching(want) : want);

/** What the driver makes of a process that told no end. */
const withoutWords = ({ exitCode, signal = 0 }: Ended = {}) => ({
  status: 'failed',
  exitCode: exitCode ?? 128 + signal,
});

describe.skipIf(missing).each([
  ['results', results],
  ['ends', ends],
  ['surroundings', surroundings],
  ['waiting', waiting],
  ['the module cordon', cordonModule],
] as const)('%s', (_, programs) => {
  const same = programs.filter(({ name }) => !different.has(name));
  test.each(same.map((program) => [program.name, program] as const))('%s', async (_name, program) => {
    const supervised = await open();
    for (const [path, text] of Object.entries(program.files ?? {})) {
      mkdirSync(dirname(join(supervised.workspace, path)), { recursive: true });
      writeFileSync(join(supervised.workspace, path), text);
    }
    const { input, limits, code, expect: wanted } = program;
    const seen = await supervised.run('python', code, { input, ...(limits && { limits }) });
    const here = (text: string) => text.replaceAll(supervised.workspace, '/workspace');
    const end = JSON.parse(here(JSON.stringify(seen.end ?? withoutWords(seen.ended))));
    const error = wanted.error && Object.fromEntries(Object.entries(wanted.error).map(([key, is]) => [key, like(is)]));
    expect(end).toMatchObject({ status: wanted.status, ...(error && { error }) });
    if (!wanted.anyResult) expect(end.result).toEqual(wanted.result);
    expect([end.resultType, end.exitCode]).toEqual([wanted.resultType, wanted.exitCode]);
    if (wanted.stdout !== undefined) expect(seen.stdout).toEqual(like(wanted.stdout));
    expect(seen.stderr).toEqual(like(wanted.stderr ?? ''));
    if (wanted.displays) expect(seen.displays).toEqual(wanted.displays);
  });
});
