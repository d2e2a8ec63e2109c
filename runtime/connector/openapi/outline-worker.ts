/** Thread that reads one document and ends: see read-outline.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { type DocumentRequest, outlineOf } from './outline.ts';
import { DocumentFault } from './read-document.ts';

try {
  parentPort?.postMessage({ outline: outlineOf(workerData as DocumentRequest) });
} catch (error) {
  if (!(error instanceof DocumentFault)) throw error;
  parentPort?.postMessage({ fault: { message: error.message, field: error.field } });
}
