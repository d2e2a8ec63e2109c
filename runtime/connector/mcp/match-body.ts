/** Which operation a JSON-RPC message calls. What a server could read in another way is ambiguous, and refused. */
import type { Json, JsonObject } from '../../json.ts';
import { readStrictJson } from '../../permission/strict-json.ts';
import type { Operation, OperationMatch } from '../connector.ts';
import { isObject } from './exchange.ts';

/** Bytes above which a message is not read: parsing holds up the event loop, some ten milliseconds for as many. */
const MAXIMUM_MESSAGE = 1024 * 1024;
const messageKeys = new Set(['jsonrpc', 'id', 'method', 'params']);
const callKeys = new Set(['name', 'arguments', '_meta', 'task', 'inputResponses', 'requestState']);

/** What a message must have, beside what JSON-RPC says: servers read keys without regard to case, or the last of two. */
export function compileRpc(
  operations: readonly Operation[],
): (body: Uint8Array, headers?: readonly (readonly [string, string])[]) => OperationMatch {
  const tools = new Map<string, OperationMatch>();
  const methods = new Map<string, OperationMatch>();
  for (const operation of operations) {
    const { rpc } = operation;
    const match: OperationMatch = Object.freeze({ kind: 'operation', operation, pathParameters: {} });
    if (rpc?.tool !== undefined) tools.set(rpc.tool, match);
    else if (rpc) methods.set(rpc.method, match);
  }

  return (body, headers = []) => {
    if (body.length > MAXIMUM_MESSAGE) return ambiguous(`the message is over ${MAXIMUM_MESSAGE} bytes`);
    const read = readStrictJson(body);
    if ('unreadable' in read) return ambiguous(read.unreadable);
    const { value } = read;
    if (Array.isArray(value)) return ambiguous('the body is a batch of messages: send them one by one');
    if (!isObject(value)) return ambiguous('the body is no JSON-RPC message');
    const odd = oddMessage(value) ?? oddHeader(value, headers);
    if (odd !== undefined) return ambiguous(odd);
    const { method, params } = value as { method: string; params?: JsonObject };
    if (method !== 'tools/call') return methods.get(method) ?? none;
    return tools.get(params?.name as string) ?? none;
  };
}

function oddMessage(message: JsonObject): string | undefined {
  const extra = Object.keys(message).find((key) => !messageKeys.has(key));
  if (extra !== undefined) return `the message has a field ${shown(extra)} that JSON-RPC does not know`;
  const { jsonrpc, id, method, params } = message;
  if (jsonrpc !== '2.0') return 'the message is not JSON-RPC 2.0';
  if (typeof method !== 'string') return 'the message is no request and no notification';
  if (params !== undefined && !isObject(params)) return 'params is no object';

  const isNotification = method.startsWith('notifications/');
  const isId = typeof id === 'string' || (typeof id === 'number' && Number.isSafeInteger(id));
  if (isNotification && id !== undefined) return 'a notification has no id';
  if (!isNotification && !isId) return 'a request needs an id that is text or a whole number';
  return method === 'tools/call' ? oddCall(params ?? {}) : undefined;
}

function oddCall(params: JsonObject): string | undefined {
  const extra = Object.keys(params).find((key) => !callKeys.has(key));
  if (extra !== undefined) return `params has a field ${shown(extra)} that tools/call does not know`;
  if (typeof params.name !== 'string') return 'the call names no tool';
  const isOdd = params.arguments !== undefined && !isObject(params.arguments);
  return isOdd ? 'the arguments are no object' : undefined;
}

/** "Standard Request Headers", 2026-07-28: what stands before the server may go by them. */
function oddHeader(message: JsonObject, headers: readonly (readonly [string, string])[]): string | undefined {
  const params = isObject(message.params) ? message.params : {};
  const said: [string, Json | undefined][] = [
    ['mcp-method', message.method],
    ['mcp-name', message.method === 'resources/read' ? params.uri : params.name],
  ];
  for (const [header, value] of said) {
    const given = headers.filter(([name]) => name.toLowerCase() === header);
    if (given.length > 1 || given.some(([, text]) => plain(text) !== value))
      return `the header ${header} says something else than the body`;
  }
  return undefined;
}

/** "Value Encoding", 2026-07-28. */
function plain(text: string): string {
  const trimmed = text.trim();
  const encoded = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/.exec(trimmed)?.[1];
  return encoded === undefined ? trimmed : Buffer.from(encoded, 'base64').toString();
}

const shown = (key: string) => JSON.stringify(key.slice(0, 60));
const none: OperationMatch = Object.freeze({ kind: 'none' });
const ambiguous = (why: string): OperationMatch => ({ kind: 'ambiguous', why });
