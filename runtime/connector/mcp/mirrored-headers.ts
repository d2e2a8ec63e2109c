/**
 * `x-mcp-header`: arguments of a tool that clients repeat in a header, for what routes calls before the server reads them.
 * "Custom Headers from Tool Parameters", 2026-07-28.
 */
import type { Json, JsonObject } from '../../json.ts';
import { isObject } from './exchange.ts';

const MAX_DEPTH = 64;
const token = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/;
const primitive = new Set<Json | undefined>(['integer', 'string', 'boolean']);

/**
 * Names of headers (lower case) by `params.arguments.NAME`. Undefined when an annotation breaks the rules: a client has to
 * leave such a tool out.
 */
export function mirroredHeaders(schema: JsonObject): Map<string, string> | undefined {
  const found = new Map<string, string>();
  let isValid = true;

  /** `path`: undefined where no chain of `properties` leads. */
  function visit(node: Json, path: string | undefined, depth: number): void {
    if (depth > MAX_DEPTH) isValid = false;
    if (!isValid || typeof node !== 'object' || node === null) return;
    if (Array.isArray(node)) {
      for (const item of node) visit(item, undefined, depth + 1);
      return;
    }
    if (Object.hasOwn(node, 'x-mcp-header')) take(node, path);
    for (const [key, value] of Object.entries(node)) {
      if (key !== 'properties' || !isObject(value)) visit(value, undefined, depth + 1);
      else
        for (const [name, property] of Object.entries(value))
          visit(property, path === undefined ? undefined : `${path}.${name}`, depth + 1);
    }
  }

  function take(node: JsonObject, path: string | undefined): void {
    const { 'x-mcp-header': name, type } = node;
    const isFit = typeof name === 'string' && token.test(name) && primitive.has(type);
    const header = `mcp-param-${String(name).toLowerCase()}`;
    if (!isFit || path === undefined || path === 'params.arguments' || [...found.values()].includes(header))
      isValid = false;
    else found.set(path, header);
  }

  visit(schema, 'params.arguments', 0);
  return isValid ? found : undefined;
}
