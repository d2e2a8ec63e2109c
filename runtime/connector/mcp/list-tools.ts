/**
 * Reads the list of tools of an MCP server: revision 2026-07-28, which knows no session, and the ones before it, which
 * begin with `initialize`. Names of chapters are those of the specification.
 */
import { fieldError } from '../../errors.ts';
import type { Json, JsonObject } from '../../json.ts';
import { createExchange, type Exchange, isObject, type McpSend, type Reply, type Server } from './exchange.ts';

const STATELESS = '2026-07-28';
/** With `initialize`; the newest first. */
const WITH_SESSION = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'];
const UNSUPPORTED_VERSION = -32022;
const METHOD_NOT_FOUND = -32601;
const MAX_PAGES = 100;
export const maximumTools = 2000;

const client = { name: 'cordon', version: '1' };

export interface McpListing {
  name?: string;
  version?: string;
  /** What the server says that it offers: `tools`, `resources`, `prompts` ... */
  capabilities: JsonObject;
  /** As they came; each is an object. */
  tools: JsonObject[];
}

/** How requests are made, once it is known what the server speaks. */
interface Conversation {
  request(method: string, params: JsonObject): Promise<Reply>;
  about: JsonObject;
  end(): Promise<void>;
}

/** Errors: CordonError `validation_failed` (mcp.url, mcp.token); those of `send`; the reason of `signal`. */
export async function listTools(send: McpSend, server: Server, signal: AbortSignal): Promise<McpListing> {
  const exchange = createExchange(send, server, signal);
  const conversation = (await withoutSession(exchange)) ?? (await withSession(exchange));
  const { about } = conversation;
  try {
    const tools = await allTools(conversation);
    const info = isObject(about.serverInfo) ? about.serverInfo : {};
    return {
      ...(typeof info.name === 'string' ? { name: info.name } : {}),
      ...(typeof info.version === 'string' ? { version: info.version } : {}),
      capabilities: isObject(about.capabilities) ? about.capabilities : {},
      tools,
    };
  } finally {
    await conversation.end();
  }
}

/** "Versioning": undefined for a server that has to be asked as of old. */
async function withoutSession(exchange: Exchange): Promise<Conversation | undefined> {
  let id = 0;
  const request = (method: string, params: JsonObject) => {
    const meta = {
      'io.modelcontextprotocol/protocolVersion': STATELESS,
      'io.modelcontextprotocol/clientInfo': client,
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    return exchange.post({ jsonrpc: '2.0', id: ++id, method, params: { ...params, _meta: meta } }, [
      ['mcp-protocol-version', STATELESS],
      ['mcp-method', method],
    ]);
  };
  const { result, error } = await request('server/discover', {});
  const data = isObject(error?.data) ? error.data : {};
  const offered = error?.code === UNSUPPORTED_VERSION ? data.supported : result?.supportedVersions;
  if (!Array.isArray(offered)) return undefined;
  if (!result || !offered.includes(STATELESS)) {
    if (offered.some((version) => WITH_SESSION.includes(String(version)))) return undefined;
    throw fieldError('mcp.url', `the server speaks no version of MCP that is known here (${STATELESS} is)`);
  }
  const meta = isObject(result._meta) ? result._meta : {};
  const serverInfo = meta['io.modelcontextprotocol/serverInfo'] ?? result.serverInfo ?? {};
  return { request, about: { ...result, serverInfo }, end: async () => {} };
}

/** "Lifecycle" and "Session Management" of 2025-11-25. */
async function withSession(exchange: Exchange): Promise<Conversation> {
  let id = 0;
  const post = (method: string, params: JsonObject, headers: [string, string][]) =>
    exchange.post({ jsonrpc: '2.0', id: ++id, method, params }, headers);
  const hello = { protocolVersion: WITH_SESSION[0] as string, capabilities: {}, clientInfo: client };
  const { status, result, error, headers } = await post('initialize', hello, []);
  if (!result) {
    const how = error ? `error ${error.code}` : `HTTP ${status} and no answer that could be read`;
    throw fieldError('mcp.url', `this is no MCP server by streamable HTTP: initialize was answered with ${how}`);
  }
  const version = result.protocolVersion;
  if (typeof version !== 'string' || !WITH_SESSION.includes(version))
    throw fieldError('mcp.url', 'the server speaks no version of MCP that is known here');

  const session = headers.get('mcp-session-id');
  if (session !== undefined && !/^[\x21-\x7e]{1,1024}$/.test(session))
    throw fieldError('mcp.url', 'the server gives a session an id that no header can carry');
  const own: [string, string][] = [['mcp-protocol-version', version]];
  if (session !== undefined) own.push(['mcp-session-id', session]);
  const conversation: Conversation = {
    request: (method, params) => post(method, params, own),
    about: result,
    // A courtesy: many servers answer 405.
    end: () => (session === undefined ? Promise.resolve() : exchange.end(own).catch(() => {})),
  };
  const ready = await exchange.post({ jsonrpc: '2.0', method: 'notifications/initialized' }, own);
  if (ready.status >= 400) {
    await conversation.end();
    throw fieldError('mcp.url', `the server answered notifications/initialized with HTTP ${ready.status}`);
  }
  return conversation;
}

/** "Pagination". */
async function allTools({ request }: Conversation): Promise<JsonObject[]> {
  const tools: JsonObject[] = [];
  const cursors = new Set<string>();
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const reply = await request('tools/list', cursor === undefined ? {} : { cursor });
    if (reply.error?.code === METHOD_NOT_FOUND && page === 0) return [];
    const { tools: some, nextCursor } = checkResult(reply);
    if (!Array.isArray(some) || !some.every(isObject)) throw fieldError('mcp.url', 'tools/list gave no list of tools');
    tools.push(...some);
    if (tools.length > maximumTools) throw fieldError('mcp.url', `the server has more than ${maximumTools} tools`);
    if (nextCursor === undefined || nextCursor === null || nextCursor === '') return tools;
    if (typeof nextCursor !== 'string' || cursors.has(nextCursor))
      throw fieldError('mcp.url', 'tools/list comes to no end: it gives the same page again');
    cursors.add(nextCursor);
    cursor = nextCursor;
  }
  throw fieldError('mcp.url', `the server lists its tools on more than ${MAX_PAGES} pages`);
}

function checkResult({ status, result, error }: Reply): JsonObject {
  const type: Json | undefined = result?.resultType;
  if (result && (type === undefined || type === 'complete')) return result;
  const how = error ? `error ${error.code}` : result ? 'a question' : `HTTP ${status} and no answer that could be read`;
  throw fieldError('mcp.url', `tools/list was answered with ${how}`);
}
