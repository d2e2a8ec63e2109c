import { createIsolateDriver } from '../../runtime/sandbox/isolate/isolate-driver.ts';
import { workerPids as pidsOf } from '../attacks/processes.ts';
import { type DriverUnderTest, driverContract } from './driver-contract.ts';
import { pythonPrograms, pythonResults } from './programs/python.ts';

const MiB = 1024 ** 2;

/** Half of Python's memory is for its workers: this is room for as many as the bounds say, and for some runs each. */
const createDriver: DriverUnderTest['createDriver'] = (bounds) =>
  createIsolateDriver({
    requireWalls: [],
    workerIdleMs: 60_000,
    workerRamBytes: 1024 * MiB,
    pythonRamBytes: (bounds.maxWorkers + 1) * 1024 * MiB,
    onWorkerLost: () => {},
    ...bounds,
  });

const workerPids = () => pidsOf(undefined, 'python');

driverContract('isolates, Python', {
  createDriver,
  language: 'python',
  programs: pythonPrograms,
  results: pythonResults,
  workerPids,
  placeLast: true,
});
