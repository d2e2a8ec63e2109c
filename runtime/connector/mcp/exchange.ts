/** One JSON-RPC message to an MCP server and its answer, by streamable HTTP; bounded in bytes. */
import { fieldError } from '../../errors.ts';
import { type Json, type JsonObject, parseJson } from '../../json.ts';
import type { ConnectTo } from '../connector.ts';
import { eventData } from './event-stream.ts';

/** Of all answers of one reading together. */
const MAX_BYTES = 16 * 1024 * 1024;

export interface McpAnswer {
  status: number;
  headers: [string, string][];
  body: AsyncIterable<Uint8Array>;
}

/** As the gate's own calls leave: the address rule holds, redirects are not followed. */
export type McpSend = (request: {
  tenant: string;
  connector: string;
  connectTo: ConnectTo | undefined;
  method: string;
  url: URL;
  headers: [string, string][];
  body: Uint8Array | undefined;
  signal: AbortSignal;
}) => Promise<McpAnswer>;

export interface Reply {
  status: number;
  /** Lower-case names; of repeated ones the last. */
  headers: Map<string, string>;
  /** The JSON-RPC response, if there is one. */
  result?: JsonObject | undefined;
  error?: { code: number; data: Json | undefined } | undefined;
}

export interface Exchange {
  /** `message` with an id is a request: the reply holds its response, if the server gave one. */
  post(message: JsonObject, headers: [string, string][]): Promise<Reply>;
  /** Ends a session; whatever the answer. */
  end(headers: [string, string][]): Promise<void>;
}

export interface Server {
  tenant: string;
  url: URL;
  connectTo: ConnectTo | undefined;
  /** Sent as a bearer token, kept nowhere. */
  token: string | undefined;
}

/** Errors of `post`: CordonError `validation_failed` (mcp.url, mcp.token); those of `send`. */
export function createExchange(send: McpSend, server: Server, signal: AbortSignal): Exchange {
  const { tenant, url, connectTo, token } = server;
  let room = MAX_BYTES;

  async function* bounded(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      room -= chunk.byteLength;
      if (room < 0) throw fieldError('mcp.url', `the server answers with more than ${MAX_BYTES} bytes`);
      yield chunk;
    }
  }

  /** An id that no connector can have: connections made with a token of the caller's serve nobody else. */
  const ask = (method: string, headers: [string, string][], body: Uint8Array | undefined, over: AbortSignal) => {
    const until = AbortSignal.any([signal, over]);
    const all = [...headers, ...own(token)];
    return send({ tenant, connector: ':mcp', connectTo, method, url, signal: until, body, headers: all });
  };

  async function response(answer: McpAnswer, id: Json | undefined): Promise<Reply> {
    const headers = new Map(answer.headers.map(([name, value]) => [name.toLowerCase(), value]));
    const reply: Reply = { status: answer.status, headers };
    if (answer.status === 401 || answer.status === 403) {
      const what = token === undefined ? 'give one as mcp.token' : 'it refuses the one that was given';
      throw fieldError('mcp.token', `the server wants a token (HTTP ${answer.status}): ${what}`);
    }
    if ((headers.get('content-encoding') ?? 'identity').toLowerCase() !== 'identity') return reply;
    const type = (headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase();
    if (type !== 'application/json' && type !== 'text/event-stream') return reply;
    const body = bounded(answer.body);
    // Notifications before the response are passed over; what follows it is not awaited.
    for await (const text of type === 'application/json' ? whole(body) : eventData(body)) {
      const found = responseTo(id, text);
      if (found) return { ...reply, ...found };
    }
    return reply;
  }

  return {
    async post(message, headers) {
      const over = new AbortController();
      try {
        const kinds: [string, string][] = [
          ['content-type', 'application/json'],
          ['accept', 'application/json, text/event-stream'],
        ];
        const body = Buffer.from(JSON.stringify(message));
        return await response(await ask('POST', [...kinds, ...headers], body, over.signal), message.id);
      } finally {
        // Whatever was not read of the answer.
        over.abort();
      }
    },

    async end(headers) {
      const over = new AbortController();
      try {
        await ask('DELETE', headers, undefined, over.signal);
      } finally {
        over.abort();
      }
    },
  };
}

const own = (token: string | undefined): [string, string][] => [
  ['accept-encoding', 'identity'],
  ...(token === undefined ? [] : ([['authorization', `Bearer ${token}`]] satisfies [string, string][])),
];

async function* whole(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  yield Buffer.concat(chunks).toString();
}

/** Undefined for anything but the response: notifications and requests of the server, and what is no JSON. */
function responseTo(id: Json | undefined, text: string): Pick<Reply, 'result' | 'error'> | undefined {
  const message = objectIn(text);
  if (!message || 'method' in message || message.jsonrpc !== '2.0') return undefined;
  const { error, result } = message;
  if (isObject(error) && typeof error.code === 'number') {
    // A request that could not be read is answered without its id.
    const isMine = message.id === id || message.id === undefined || message.id === null;
    return isMine ? { error: { code: error.code, data: error.data } } : undefined;
  }
  return message.id === id && isObject(result) ? { result } : undefined;
}

function objectIn(text: string): JsonObject | undefined {
  try {
    const value: Json = parseJson(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
