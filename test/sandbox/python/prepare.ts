/** Before all tests: one Python run, so that the installation has its snapshot. */
import { createIsolateDriver } from '../../../runtime/sandbox/isolate/isolate-driver.ts';
import { defaultLimits } from '../../../runtime/sandbox/limits.ts';

export default async function prepare(): Promise<void> {
  const began = performance.now();
  const driver = await createIsolateDriver({
    requireWalls: [],
    blankWorkers: 0,
    maxWorkers: 1,
    workersPerAgent: 1,
    workerIdleMs: 1000,
    workerRamBytes: 2 * 1024 ** 3,
    pythonRamBytes: 1024 ** 3,
    onWorkerLost: (detail) => console.error(detail),
  });
  try {
    const owner = { tenant: 'tests', agent: 'prepare' };
    const lease = await driver.lease(owner, defaultLimits, new AbortController().signal, 'python');
    lease.release();
    console.log(`Python is ready after ${Math.round(performance.now() - began)} ms`);
  } finally {
    await driver.close();
  }
}
