/** Makes a connector ready for calls. */
import type { CompiledConnector, Connector, Operation, OperationMatch } from './connector.ts';
import type { McpSupport } from './connector-input.ts';
import { createMatcher, type OperationMatcher } from './operation-matcher.ts';

const none: OperationMatch = Object.freeze({ kind: 'none' });

/** Freezes the connector. Errors: BadTemplate for a path that no check has seen. */
export function compileConnector(connector: Connector, mcp?: McpSupport): CompiledConnector {
  const { origins, operations } = connector;
  const matchers = new Map<string, OperationMatcher>();
  // Most connectors have the same operations on all hosts: one matcher serves them.
  const common = operations.every((operation) => operation.origins === undefined)
    ? createMatcher(operations)
    : undefined;
  for (const origin of origins) {
    const isThere = (operation: Operation) => operation.origins?.includes(origin) ?? true;
    matchers.set(origin, common ?? createMatcher(operations.filter(isThere)));
  }
  const withRpc = operations.filter(({ rpc }) => rpc);
  return Object.freeze({
    connector: deepFreeze(connector),
    match(method: string, url: URL): OperationMatch {
      return matchers.get(url.origin)?.match(method, url.pathname, url.search) ?? none;
    },
    ...(withRpc.length > 0 && mcp ? { matchBody: mcp.compile(withRpc) } : {}),
  });
}

/** Objects from JSON: no circles. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}
