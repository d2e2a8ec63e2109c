/** Tools of an MCP server as operations: what a grant can name and constrain. */
import type { Json, JsonObject } from '../../json.ts';
import type { Effect, Operation, OperationParameter } from '../connector.ts';
import { guessDanger, guessEffect } from '../openapi/effects.ts';
import { isObject } from './exchange.ts';
import { mirroredHeaders } from './mirrored-headers.ts';

const MAX_PARAMETERS = 200;
/** What can be an operation's name. Tools with other names cannot be granted, and so not called. */
const grantable = /^[A-Za-z0-9][A-Za-z0-9._/{}-]{0,199}$/;
/** Before methods of the protocol; no tool may be taken for one. */
const PROTOCOL = 'mcp/';

const readingVerb = /^(?:get|list|search|read|fetch|find|describe|show|view|count|lookup|retrieve)$/;

/** Methods that any server may have, and what they read. */
const always: [string, string[]][] = [
  ['initialize', []],
  ['server/discover', []],
  ['ping', []],
  ['tools/list', []],
  ['subscriptions/listen', []],
  ['notifications/initialized', []],
  ['notifications/cancelled', []],
  ['notifications/progress', []],
];
const byCapability: Record<string, [string, string[]][]> = {
  resources: [
    ['resources/list', []],
    ['resources/templates/list', []],
    ['resources/read', ['params.uri']],
    ['resources/subscribe', ['params.uri']],
    ['resources/unsubscribe', ['params.uri']],
  ],
  prompts: [
    ['prompts/list', []],
    ['prompts/get', ['params.name']],
  ],
  completions: [['completion/complete', ['params.ref.name', 'params.ref.uri']]],
  logging: [['logging/setLevel', ['params.level']]],
};

/**
 * Tools that cannot be operations are left out: an odd name, a name that another has too, a schema that is none.
 * `path` is that of the endpoint.
 */
export function toolOperations(path: string, tools: readonly JsonObject[]): Operation[] {
  const named = tools.filter(
    ({ name }) => typeof name === 'string' && grantable.test(name) && !name.startsWith(PROTOCOL),
  );
  const counts = new Map<Json | undefined, number>();
  for (const { name } of named) counts.set(name, (counts.get(name) ?? 0) + 1);
  return named
    .filter(({ name }) => counts.get(name) === 1)
    .flatMap((tool) => {
      const parameters = readParameters(tool.inputSchema);
      return parameters ? [operationOf(path, tool.name as string, tool, parameters)] : [];
    });
}

/** The protocol's own methods, all reading: they change nothing but the state of the conversation. */
export function protocolOperations(path: string, capabilities: JsonObject): Operation[] {
  const offered = Object.keys(byCapability).filter((capability) => isObject(capabilities[capability]));
  const methods = [...always, ...offered.flatMap((capability) => byCapability[capability] ?? [])];
  const operations = methods.map(
    ([method, names]): Operation => ({
      name: `${PROTOCOL}${method}`,
      method: 'POST',
      path,
      effect: 'read',
      parameters: names.map((name) => ({ name, in: 'body' })),
      rpc: { method },
    }),
  );
  const withoutBody = (name: string, method: string): Operation => ({
    name,
    method,
    path,
    effect: 'read',
    parameters: [],
    // Some servers choose the account by it.
    strictQuery: true,
  });
  return [
    ...operations,
    // Until 2025-11-25: a stream of what the server has to say, and the end of a session.
    withoutBody(`${PROTOCOL}stream`, 'GET'),
    withoutBody(`${PROTOCOL}session-end`, 'DELETE'),
  ];
}

function operationOf(path: string, name: string, tool: JsonObject, parameters: OperationParameter[]): Operation {
  const effect = effectOf(name, tool);
  const words = { id: name, path: '', method: 'POST', summary: '' };
  const danger = guessDanger(words, effect) ?? (effect === 'delete' ? 'It may destroy what is there.' : undefined);
  return {
    name,
    method: 'POST',
    path,
    effect,
    ...(danger === undefined ? {} : { danger }),
    parameters,
    rpc: { method: 'tools/call', tool: name },
  };
}

/** A server's word (annotations) counts unless the name says worse: it may be wrong, or lie. */
function effectOf(name: string, { annotations, title }: JsonObject): Effect {
  const { readOnlyHint, destructiveHint } = isObject(annotations) ? annotations : {};
  const summary = typeof title === 'string' ? title : '';
  const byName = guessEffect({ method: 'POST', id: name, path: '', summary });
  if (byName === 'delete' || byName === 'send') return byName;
  const verb = verbOf(name);
  if (readOnlyHint === true) return verb ?? 'read';
  if (destructiveHint === true) return 'delete';
  return readOnlyHint === undefined && verb === 'read' ? 'read' : 'write';
}

/** What the first verb of a name does: `github_createIssue` writes. Undefined: there is none that is known. */
function verbOf(name: string): Effect | undefined {
  for (const word of name.split(/[^A-Za-z]+|(?<=[a-z])(?=[A-Z])/)) {
    if (readingVerb.test(word.toLowerCase())) return 'read';
    const effect = guessEffect({ method: 'GET', id: word, path: '', summary: '' });
    if (effect !== 'read') return effect;
  }
  return undefined;
}

/** Fields of the arguments, down to two levels. Undefined: the schema is none that a client may use. */
function readParameters(schema: Json | undefined): OperationParameter[] | undefined {
  if (schema === undefined) return [];
  if (!isObject(schema)) return undefined;
  const headers = mirroredHeaders(schema);
  if (!headers) return undefined;
  const parameters: OperationParameter[] = [];
  const visit = (node: JsonObject, prefix: string, level: number) => {
    const { properties, required } = node;
    if (!isObject(properties)) return;
    for (const [key, property] of Object.entries(properties)) {
      if (parameters.length >= MAX_PARAMETERS || !/^[^\p{Cc}]{1,200}$/u.test(key)) continue;
      const name = `${prefix}.${key}`;
      const isRequired = level === 0 && Array.isArray(required) && required.includes(key);
      const header = headers.get(name);
      parameters.push({
        name,
        in: 'body',
        ...(isRequired ? { required: true } : {}),
        ...(header === undefined ? {} : { aliases: [header] }),
      });
      if (header !== undefined) parameters.push({ name: header, in: 'header' });
      if (level === 0 && isObject(property)) visit(property, name, level + 1);
    }
  };
  visit(schema, 'params.arguments', 0);
  return parameters;
}
