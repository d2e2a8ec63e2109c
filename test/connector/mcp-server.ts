/**
 * An MCP server by streamable HTTP that demands what the specification demands: revision 2026-07-28 (`stateless`), the
 * revisions with `initialize` before it (`session`), or both.
 */
import { type SeenRequest, type StandIn, type StandInAnswer, startStandIn } from '../egress/stand-in.ts';

export interface McpServerOptions {
  era: 'stateless' | 'session' | 'both';
  /** How requests are answered. */
  form: 'json' | 'stream';
  tools: unknown[];
  pageSize?: number;
  capabilities?: Record<string, object>;
  /** Demanded of every request. */
  token?: string;
  /** Of `initialize`. */
  version?: string;
}

export interface McpServer extends StandIn {
  url: string;
  /** Methods of JSON-RPC (and DELETE) in order, with what was wrong where something was. */
  heard: string[];
  /** Answers in the place of the usual one when it gives something. */
  instead?: (method: string, message: any) => StandInAnswer | undefined;
  readonly sessions: number;
}

const PATH = '/v1/mcp';
const meta = 'io.modelcontextprotocol/';

export async function startMcpServer(options: McpServerOptions): Promise<McpServer> {
  const { era, tools, pageSize = 100, capabilities = { tools: {} }, version = '2025-11-25' } = options;
  const sessions = new Map<string, { ready: boolean }>();
  const serverInfo = { name: 'example-server', version: '3.1.4' };
  const standIn = await startStandIn({ names: ['mcp.example.com'], handler });
  const heard: string[] = [];
  let nextSession = 0;

  function handler(seen: SeenRequest): StandInAnswer {
    const { headers } = seen;
    if (seen.path !== PATH)
      return { status: 404, body: '<html>not found</html>', headers: { 'content-type': 'text/html' } };
    if (options.token !== undefined && headers.authorization !== `Bearer ${options.token}`)
      return { status: 401, headers: { 'www-authenticate': 'Bearer' }, body: 'no' };
    if (seen.method === 'DELETE') {
      heard.push('DELETE');
      return { status: sessions.delete(headers['mcp-session-id'] ?? '') ? 204 : 404 };
    }
    if (seen.method !== 'POST') return { status: 405 };
    const message = seen.json();
    heard.push(message.method);
    const special = server.instead?.(message.method, message);
    if (special) return special;
    const accepts = headers.accept ?? '';
    if (headers['content-type'] !== 'application/json') return wrong('content-type');
    if (!accepts.includes('application/json') || !accepts.includes('text/event-stream')) return wrong('accept');
    if (Array.isArray(message) || message.jsonrpc !== '2.0' || typeof message.method !== 'string')
      return wrong('jsonrpc');
    return message.params?._meta?.[`${meta}protocolVersion`] === undefined
      ? withSession(seen, message)
      : stateless(seen, message);
  }

  function stateless({ headers }: SeenRequest, message: any): StandInAnswer {
    // What a server of old makes of it: it knows no such request outside of a session.
    if (era === 'session') return wrong('session', 400, '{"error":"Bad Request: no valid session"}');
    const given = message.params._meta;
    const version = given[`${meta}protocolVersion`];
    if (headers['mcp-protocol-version'] !== version || headers['mcp-method'] !== message.method)
      return error(message.id, -32020, 400);
    if (headers['mcp-session-id'] !== undefined) return wrong('a session');
    if (given[`${meta}clientCapabilities`] === undefined) return error(message.id, -32602, 400);
    if (version !== '2026-07-28')
      return error(message.id, -32022, 400, { supported: ['2026-07-28'], requested: version });
    const common = { resultType: 'complete', ttlMs: 1000, cacheScope: 'private' };
    switch (message.method) {
      case 'server/discover':
        return answer(message.id, {
          ...common,
          supportedVersions: era === 'both' ? ['2026-07-28', '2025-11-25'] : ['2026-07-28'],
          capabilities,
          _meta: { [`${meta}serverInfo`]: serverInfo },
        });
      case 'tools/list':
        return answer(message.id, { ...common, ...page(message.params.cursor) });
      default:
        return error(message.id, -32601, 404);
    }
  }

  function withSession({ headers }: SeenRequest, message: any): StandInAnswer {
    if (era === 'stateless') return error(message.id, -32602, 400);
    if (message.method === 'initialize') {
      const { protocolVersion, capabilities: own, clientInfo } = message.params;
      if (protocolVersion !== '2025-11-25' || typeof own !== 'object' || typeof clientInfo?.name !== 'string')
        return error(message.id, -32602, 400);
      const id = `session-${++nextSession}`;
      sessions.set(id, { ready: false });
      const hello = answer(message.id, { protocolVersion: version, capabilities, serverInfo });
      return { ...hello, headers: { ...hello.headers, 'mcp-session-id': id } };
    }
    const session = sessions.get(headers['mcp-session-id'] ?? '');
    if (!session) return wrong('session');
    if (headers['mcp-protocol-version'] !== version) return wrong('version');
    if (message.method === 'notifications/initialized' && message.id === undefined) {
      session.ready = true;
      return { status: 202 };
    }
    if (!session.ready) return wrong('not initialized');
    if (message.method === 'tools/list') return answer(message.id, page(message.params?.cursor));
    return error(message.id, -32601, 200);
  }

  function page(cursor: string | undefined): object {
    const from = cursor === undefined ? 0 : Number(Buffer.from(cursor, 'base64').toString());
    const nextCursor = Buffer.from(String(from + pageSize)).toString('base64');
    return { tools: tools.slice(from, from + pageSize), ...(from + pageSize < tools.length ? { nextCursor } : {}) };
  }

  function answer(id: unknown, result: object): StandInAnswer {
    const response = JSON.stringify({ jsonrpc: '2.0', id, result });
    if (options.form === 'json')
      return { body: response, headers: { 'content-type': 'application/json; charset=utf-8' } };
    return { body: stream(response), headers: { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' } };
  }

  /** A priming event, a comment, a notification, then the response over two lines; the stream stays open a while. */
  async function* stream(response: string): AsyncGenerator<Buffer> {
    const notification = { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'ä' } };
    const [head, tail] = [response.slice(0, 1), response.slice(1)];
    const text = `id: 1\r\ndata:\r\n\r\n: keep-alive\r\n\r\ndata: ${JSON.stringify(notification)}\n\nevent: other\ndata: {}\n\nid: 2\revent: message\rdata: ${head}\rdata: ${tail}\r\r`;
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7);
    await new Promise((resolve) => setTimeout(resolve, 60_000).unref());
  }

  const error = (id: unknown, code: number, status: number, data?: object): StandInAnswer => {
    heard.push(`error ${code}`);
    return { status, body: { jsonrpc: '2.0', id, error: { code, message: 'it is wrong', ...(data ? { data } : {}) } } };
  };
  const wrong = (what: string, status = 400, body = ''): StandInAnswer => {
    heard.push(`wrong: ${what}`);
    return { status, body };
  };

  const server: McpServer = Object.defineProperty(
    Object.assign(standIn, { url: `https://mcp.example.com${PATH}`, heard }) as McpServer,
    'sessions',
    { get: () => sessions.size },
  );
  return server;
}
