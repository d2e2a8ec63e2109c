import { createIsolateDriver } from '../../runtime/sandbox/isolate/isolate-driver.ts';
import { workerPids as pidsOf } from '../attacks/processes.ts';
import { type DriverUnderTest, driverContract } from './driver-contract.ts';
import { javascriptPrograms, javascriptResults, typescriptPrograms, typescriptResults } from './programs/javascript.ts';

const createDriver: DriverUnderTest['createDriver'] = (bounds) =>
  createIsolateDriver({
    requireWalls: [],
    workerIdleMs: 60_000,
    workerRamBytes: 1024 ** 3,
    pythonRamBytes: 2 * 1024 ** 3,
    onWorkerLost: () => {},
    ...bounds,
  });

const workerPids = () => pidsOf(undefined, 'javascript');

driverContract('isolates, JavaScript', {
  createDriver,
  language: 'javascript',
  programs: javascriptPrograms,
  results: javascriptResults,
  workerPids,
});

driverContract('isolates, TypeScript', {
  createDriver,
  language: 'typescript',
  programs: typescriptPrograms,
  results: typescriptResults,
  workerPids,
  brief: true,
});
