/** The contract of drivers, for one kind of container: which runtime, and where the workspace lies. */
import { describe } from 'vitest';
import type { Language } from '../../../runtime/sandbox/driver.ts';
import { type ContractPrograms, type DriverUnderTest, driverContract } from '../driver-contract.ts';
import {
  javascriptPrograms,
  javascriptResults,
  typescriptPrograms,
  typescriptResults,
} from '../programs/javascript.ts';
import { pythonPrograms, pythonResults } from '../programs/python.ts';
import { shellPrograms, shellResults } from '../programs/shell.ts';
import { noEngine, openTestDriver, supervisorPids, type TestDriverOptions } from './engine.ts';

/** What a file call is to an isolate, a question about memory is to a container: files are the kernel's there. */
const javascript: ContractPrograms = {
  ...javascriptPrograms,
  waitsForHost: "import { memory } from 'cordon'; await memory.get('a');",
};
/** Only /tmp is the guest's. */
const inTmp = (code: string) => code.replace('/home/trace', '/tmp/home/trace');
const python: ContractPrograms = {
  ...pythonPrograms,
  waitsForHost: 'from cordon import memory\nmemory.get("a")',
  leavesTraces: inTmp(pythonPrograms.leavesTraces),
  // 3 and 4 are the pipes that keep stdout and stderr in order.
  findsTraces: inTmp(pythonPrograms.findsTraces).replace('len(fds) > 1', 'fds != [3, 4]'),
};

const tables: Record<Language, Pick<DriverUnderTest, 'programs' | 'results' | 'placeLast' | 'brief'>> = {
  shell: { programs: shellPrograms, results: shellResults },
  python: { programs: python, results: pythonResults, placeLast: true },
  javascript: { programs: javascript, results: javascriptResults },
  typescript: { programs: typescriptPrograms, results: typescriptResults, brief: true },
};

export interface KindUnderTest extends Pick<TestDriverOptions, 'runtime' | 'inMemory'> {
  languages: readonly Language[];
  cannot?: Readonly<Record<string, string>>;
  /** Why it cannot be tested here, besides the engine. */
  without?: string | undefined;
  /** Tells the language's programs apart from those of other kinds. */
  change?: (language: Language, table: (typeof tables)[Language]) => (typeof tables)[Language];
}

export function containerContract(
  title: string,
  { languages, without, change, cannot = {}, ...options }: KindUnderTest,
): void {
  const why = noEngine ?? without;
  const createDriver: DriverUnderTest['createDriver'] = ({ maxWorkers, blankWorkers }) =>
    openTestDriver({ ...options, maxContainers: maxWorkers, warmContainers: Math.min(1, blankWorkers) });
  describe.skipIf(why !== undefined)(why === undefined ? title : `${title} (skipped: ${why})`, () => {
    for (const language of languages) {
      const table = change?.(language, tables[language]) ?? tables[language];
      driverContract(`${title}, ${language}`, {
        ...table,
        createDriver,
        language,
        workerPids: supervisorPids,
        oneRunEach: true,
        cannot,
      });
    }
  });
}
