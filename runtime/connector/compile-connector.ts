/** Makes a connector ready for calls. */
import type { CompiledConnector, Connector, OperationMatch } from './connector.ts';
import type { McpSupport } from './connector-input.ts';
import { createMatcher } from './operation-matcher.ts';

const none: OperationMatch = Object.freeze({ kind: 'none' });

/** Freezes the connector. Errors: BadTemplate for a path that no check has seen. */
export function compileConnector(connector: Connector, mcp?: McpSupport): CompiledConnector {
  const { operations } = connector;
  const origins = new Set(connector.origins);
  // One for all origins: there may be fifty of them, and five thousand operations.
  const matcher = createMatcher(operations);
  const withRpc = operations.filter(({ rpc }) => rpc);
  return Object.freeze({
    connector: deepFreeze(connector),
    match(method: string, url: URL): OperationMatch {
      return origins.has(url.origin) ? matcher.match(method, url.pathname, url.search, url.origin) : none;
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
