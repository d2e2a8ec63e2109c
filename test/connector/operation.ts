import type { Effect, Operation } from '../../runtime/connector/connector.ts';

/** An operation as checks would leave it. */
export function operation(method: string, path: string, name: string, more: Partial<Operation> = {}): Operation {
  const effect: Effect = method === 'GET' ? 'read' : 'write';
  return { name, method, path, effect, parameters: [], ...more };
}
