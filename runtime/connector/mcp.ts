/** MCP servers as connectors: their tools are operations, told apart by the body of the call. */
import { checkObject } from '../agent/checks.ts';
import { EgressError } from '../egress/egress.ts';
import { CordonError, fieldError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import type { ConnectTo, Operation } from './connector.ts';
import type { McpSupport, McpTools } from './connector-input.ts';
import { isObject, type McpSend } from './mcp/exchange.ts';
import { listTools, type McpListing, maximumTools } from './mcp/list-tools.ts';
import { compileRpc } from './mcp/match-body.ts';
import { protocolOperations, toolOperations } from './mcp/tool-operations.ts';

const READ_MS = 60_000;
const MAX_URL = 2048;

export interface McpDeps {
  send: McpSend;
}

interface McpInput {
  url: URL;
  token: string | undefined;
  tools: JsonObject[] | undefined;
}

/**
 * `mcp` is `{url, token?, tools?}`: `token` is sent once to read the list and kept nowhere; `tools` (what tools/list gave)
 * takes the place of reading. Errors: CordonError `validation_failed` (mcp.url, mcp.token, mcp.tools).
 */
export function createMcpSupport({ send }: McpDeps): McpSupport {
  return {
    async readTools(tenant, mcp, connectTo) {
      const input = readInput(mcp);
      const listing = input.tools
        ? { capabilities: {}, tools: input.tools }
        : await read(send, { tenant, url: input.url, token: input.token, connectTo });
      return toolsOf(input.url, listing);
    },
    compile: compileRpc,
  };
}

async function read(
  send: McpSend,
  server: { tenant: string; url: URL; token: string | undefined; connectTo: ConnectTo | undefined },
): Promise<McpListing> {
  const signal = AbortSignal.timeout(READ_MS);
  try {
    return await listTools(send, server, signal);
  } catch (error) {
    if (error instanceof CordonError) throw error;
    if (signal.aborted) throw fieldError('mcp.url', `the server did not answer within ${READ_MS / 1000} seconds`);
    if (error instanceof EgressError) throw fieldError('mcp.url', error.message);
    throw fieldError('mcp.url', 'the server cannot be reached, or breaks off');
  }
}

function toolsOf(url: URL, { name, version, capabilities, tools }: McpListing): McpTools {
  const operations: Operation[] = toolOperations(url.pathname, tools);
  const reads = ['resources', 'prompts'].some((capability) => isObject(capabilities[capability]));
  if (operations.length === 0 && !reads)
    throw fieldError('mcp.url', tools.length === 0 ? 'the server offers no tools' : 'no tool of it can be granted');
  return {
    ...(name === undefined ? {} : { title: shown(name) }),
    ...(version === undefined ? {} : { version: shown(version) }),
    origin: url.origin,
    operations: [...operations, ...protocolOperations(url.pathname, capabilities)],
  };
}

function readInput(mcp: unknown): McpInput {
  const { url, token, tools, ...rest } = checkObject(mcp, 'mcp');
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw fieldError(`mcp.${unknown.slice(0, 100)}`, 'is not known');
  if (token !== undefined && (typeof token !== 'string' || !/^[\x21-\x7e]{1,16384}$/.test(token)))
    throw fieldError('mcp.token', 'must be text of visible ASCII without spaces');
  return { url: readUrl(url), token, tools: tools === undefined ? undefined : readTools(tools) };
}

function readUrl(value: unknown): URL {
  const url = typeof value === 'string' && value.length <= MAX_URL ? URL.parse(value) : null;
  if (!url || url.protocol !== 'https:') throw fieldError('mcp.url', 'must be an https URL');
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw fieldError('mcp.url', 'must have no user, query or fragment: a key goes into auth');
  if (url.href !== value && url.href !== `${value}/`)
    throw fieldError('mcp.url', `must be written plainly, as ${url.href.slice(0, 200)}`);
  return url;
}

function readTools(value: unknown): JsonObject[] {
  if (!Array.isArray(value) || value.length > maximumTools || !value.every(isObject))
    throw fieldError('mcp.tools', `must be a list of at most ${maximumTools} tools, as tools/list gives them`);
  return value;
}

const shown = (text: string) => text.replaceAll(/\p{Cc}/gu, ' ').slice(0, 200);
