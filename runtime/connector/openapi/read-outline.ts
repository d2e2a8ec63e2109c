/** Reads a document in a thread of its own: megabytes of YAML would hold up everything for seconds, and a bomb ends with it. */
import { Worker } from 'node:worker_threads';
import { fieldError } from '../../errors.ts';
import type { DocumentRequest, Outline } from './outline.ts';

const MAXIMUM_MS = 30_000;
const MAXIMUM_HEAP_MB = 512;

type Answer = { outline: Outline } | { fault: { message: string; field: string } };

/** Errors: CordonError `validation_failed` with the field. */
export async function readOutline(request: DocumentRequest): Promise<Outline> {
  const worker = new Worker(new URL('./outline-worker.ts', import.meta.url), {
    workerData: request,
    env: {},
    stdin: false,
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: MAXIMUM_HEAP_MB },
  });
  const timer = setTimeout(() => void worker.terminate(), MAXIMUM_MS);
  try {
    const answer = await new Promise<Answer>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', () => reject(fieldError('document', `cannot be read within ${MAXIMUM_MS / 1000} seconds`)));
    });
    if ('fault' in answer) throw fieldError(answer.fault.field, answer.fault.message);
    return answer.outline;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY')
      throw fieldError('document', 'takes too much memory to read');
    throw error;
  } finally {
    clearTimeout(timer);
    void worker.terminate();
  }
}
