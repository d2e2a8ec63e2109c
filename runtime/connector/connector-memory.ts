/** What a connector takes while it is ready for calls. */
import type { Operation } from './connector.ts';

/** As measured, rounded up: the record of an operation, one segment of its path in the tree, one parameter of the path there. */
const OPERATION = 1000;
const SEGMENT = 200;
const PATH_PARAMETER = 500;
/** One object or text in a list. */
const ENTRY = 80;

/** About how many bytes these operations take in memory, with the tree that finds them. Some milliseconds for thousands. */
export function memoryOf(operations: readonly Operation[]): number {
  let bytes = 0;
  for (const { name, path, danger, parameters, origins, refuseHeaders } of operations) {
    bytes += OPERATION + 2 * (name.length + path.length) + (danger?.length ?? 0);
    bytes += SEGMENT * path.split('/').length + PATH_PARAMETER * (path.split('{').length - 1);
    bytes += memoryOfTexts(origins) + memoryOfTexts(refuseHeaders);
    for (const parameter of parameters) bytes += ENTRY + parameter.name.length + memoryOfTexts(parameter.aliases);
  }
  return bytes;
}

function memoryOfTexts(texts: readonly string[] | undefined): number {
  if (!texts) return 0;
  let bytes = 0;
  for (const text of texts) bytes += ENTRY + text.length;
  return bytes;
}
