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
    testTimeout: 30_000,
    hookTimeout: 60_000,
    passWithNoTests: false,
  },
});
