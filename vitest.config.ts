import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // Tests of guest assets make isolates in their own process, with the flags that a worker has.
    execArgv: ['--no-node-snapshot', '--enable-sharedarraybuffer-per-context'],
    // The snapshot of Python is made once per installation: before the tests, not in the time of the first that needs it.
    globalSetup: 'test/sandbox/python/prepare.ts',
    maxWorkers: 2,
    testTimeout: 60_000,
    // What is waited for comes when the machine has time for it: the default of a second fails tests on a busy one.
    expect: { poll: { timeout: 15_000 } },
    hookTimeout: 60_000,
    passWithNoTests: false,
  },
});
