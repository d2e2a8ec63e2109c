import { afterEach, describe, expect, it } from 'vitest';
import { createMcpSupport } from '../../runtime/connector/mcp.ts';
import { EgressError } from '../../runtime/egress/egress.ts';
import { CordonError } from '../../runtime/errors.ts';
import { sendHttps } from '../egress/auth/call.ts';
import { type McpServer, type McpServerOptions, startMcpServer } from './mcp-server.ts';
import { toolNames, weather } from './mcp-tools.ts';

const open: McpServer[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

const mcp = createMcpSupport({ send: sendHttps });
const many = Array.from({ length: 25 }, (_, at) => ({ name: `tool_${at}`, inputSchema: { type: 'object' } }));

async function serve(options: Partial<McpServerOptions> = {}) {
  const server = await startMcpServer({ era: 'stateless', form: 'json', tools: [weather], ...options });
  open.push(server);
  const read = (more: Record<string, unknown> = {}) =>
    mcp.readTools('default', { url: server.url, ...more }, server.connectTo);
  return { server, read };
}

async function refusal(call: Promise<unknown>): Promise<{ field: string | undefined; message: string }> {
  const error = await call.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  if (!(error instanceof CordonError)) throw new Error(`it was no refusal: ${String(error)}`);
  expect(error.code).toBe('validation_failed');
  expect(error.message).not.toContain('hunter2');
  return { field: error.details.errors?.[0]?.field, message: error.message };
}

describe('reading the tools of a server', () => {
  for (const era of ['stateless', 'session', 'both'] as const)
    for (const form of ['json', 'stream'] as const)
      it(`${era}, answers as ${form}, over several pages`, async () => {
        const { server, read } = await serve({ era, form, tools: many, pageSize: 10 });
        const found = await read();
        expect(toolNames(found.operations)).toEqual(many.map(({ name }) => name));
        expect(found).toMatchObject({ title: 'example-server', version: '3.1.4', origin: 'https://mcp.example.com' });
        const pages = ['tools/list', 'tools/list', 'tools/list'];
        const expected =
          era === 'session'
            ? ['server/discover', 'wrong: session', 'initialize', 'notifications/initialized', ...pages, 'DELETE']
            : ['server/discover', ...pages];
        expect(server.heard).toEqual(expected);
        expect(server.sessions).toBe(0);
        // Streams that the server keeps open are left, not waited for.
        await expect.poll(() => server.open).toBe(0);
      });

  it.each(['2025-06-18', '2025-03-26', '2024-11-05'])('takes the older version %s', async (version) => {
    const { read } = await serve({ era: 'session', version });
    expect(toolNames((await read()).operations)).toEqual(['get_weather']);
  });

  it('sends a token where one is given, to this server alone', async () => {
    const { server, read } = await serve({ token: 'hunter2' });
    expect((await refusal(read())).field).toBe('mcp.token');
    expect((await refusal(read({ token: 'hunter2-wrong' }))).field).toBe('mcp.token');
    const found = await read({ token: 'hunter2' });
    expect(JSON.stringify(found)).not.toContain('hunter2');
    expect(server.requests.at(-1)?.headers.authorization).toBe('Bearer hunter2');
  });

  it('takes a list that was read elsewhere, and asks nobody', async () => {
    const asksNobody = createMcpSupport({ send: () => Promise.reject(new Error('nothing is to be sent')) });
    const found = await asksNobody.readTools('default', { url: 'https://mcp.example.com/', tools: [weather] });
    expect(toolNames(found.operations)).toEqual(['get_weather']);
    expect(found.operations[0]?.path).toBe('/');
  });

  it('reads what else the server offers', async () => {
    const { read } = await serve({ tools: [], capabilities: { resources: {}, prompts: {} } });
    const offered = (await read()).operations.map(({ name }) => name);
    expect(offered).toEqual(expect.arrayContaining(['mcp/resources/read', 'mcp/prompts/get']));
  });

  it('ends the session also when reading fails', async () => {
    const { server, read } = await serve({ era: 'session' });
    server.instead = (method) => (method === 'tools/list' ? { body: { tools: [] } } : undefined);
    expect((await refusal(read())).message).toContain('tools/list');
    expect(server.heard.at(-1)).toBe('DELETE');
    expect(server.sessions).toBe(0);
  });

  const json = (body: unknown) => ({ body });
  const result = (id: unknown, fields: object) => json({ jsonrpc: '2.0', id, result: fields });
  it.each<[string, Partial<McpServerOptions>, NonNullable<McpServer['instead']>, string]>([
    ['no MCP server', {}, () => ({ status: 404, body: '<html>hunter2</html>' }), 'no MCP server'],
    ['a redirect', {}, () => ({ status: 307, headers: { location: 'https://evil.example.com' } }), 'HTTP 307'],
    [
      'an error of initialize',
      { era: 'session' },
      (m, { id }) =>
        m === 'initialize' ? json({ jsonrpc: '2.0', id, error: { code: -32000, message: 'hunter2' } }) : undefined,
      'error -32000',
    ],
    ['a response to another request', {}, () => result(4711, { supportedVersions: ['2026-07-28'] }), 'no MCP server'],
    ['a version of the future', {}, (_m, { id }) => result(id, { supportedVersions: ['2031-01-01'] }), 'version'],
    [
      'a refused version',
      {},
      (_m, { id }) =>
        json({ jsonrpc: '2.0', id, error: { code: -32022, message: '', data: { supported: ['2031-01-01'] } } }),
      'version',
    ],
    ['a version before all', { era: 'session', version: '2023-01-01' }, () => undefined, 'version'],
    [
      'a session id with a line break',
      { era: 'session' },
      (m, { id }) =>
        m === 'initialize'
          ? { ...result(id, { protocolVersion: '2025-11-25' }), headers: { 'mcp-session-id': 'a b' } }
          : undefined,
      'session',
    ],
    [
      'tools that are no list',
      {},
      (m, { id }) => (m === 'tools/list' ? result(id, { tools: { a: 1 } }) : undefined),
      'no list',
    ],
    [
      'a tool that is no object',
      {},
      (m, { id }) => (m === 'tools/list' ? result(id, { tools: [7] }) : undefined),
      'no list',
    ],
    [
      'a question instead of tools',
      {},
      (m, { id }) => (m === 'tools/list' ? result(id, { resultType: 'input_required' }) : undefined),
      'question',
    ],
    [
      'the same page for ever',
      {},
      (m, { id }) => (m === 'tools/list' ? result(id, { tools: [], nextCursor: 'again' }) : undefined),
      'no end',
    ],
    [
      'pages without end',
      {},
      (m, { id }) => (m === 'tools/list' ? result(id, { tools: [], nextCursor: `c${id}` }) : undefined),
      'pages',
    ],
    [
      'tools without end',
      {},
      (m, { id }) =>
        m === 'tools/list' ? result(id, { tools: Array(1500).fill(weather), nextCursor: `c${id}` }) : undefined,
      '2000',
    ],
    [
      'bytes without end',
      {},
      (m) => (m === 'tools/list' ? { body: endless(), headers: { 'content-type': 'text/event-stream' } } : undefined),
      'bytes',
    ],
    [
      'a stream that ends before its answer',
      {},
      (m) =>
        m === 'tools/list'
          ? { body: 'data: {"jsonrpc":', headers: { 'content-type': 'text/event-stream' } }
          : undefined,
      'no answer',
    ],
    [
      'a compressed answer',
      {},
      (m, { id }) =>
        m === 'tools/list' ? { ...result(id, { tools: [] }), headers: { 'content-encoding': 'gzip' } } : undefined,
      'no answer',
    ],
    ['no tools', { tools: [] }, () => undefined, 'no tools'],
    ['only tools that cannot be named', { tools: [{ name: 'a b' }] }, () => undefined, 'no tool of it'],
  ])('refuses a server with %s', async (_what, options, instead, told) => {
    const { server, read } = await serve(options);
    server.instead = instead;
    const { field, message } = await refusal(read());
    expect(field).toBe('mcp.url');
    expect(message).toContain(told);
  });

  it('lets go of an answer that it does not read', async () => {
    const { server, read } = await serve();
    server.instead = () => ({ status: 404, body: endless(), headers: { 'content-type': 'text/html' } });
    expect((await refusal(read())).message).toContain('HTTP 404');
    await expect.poll(() => server.open).toBe(0);
  });

  it('refuses a server that cannot be reached, and says why where the gate refuses it', async () => {
    const { server, read } = await serve();
    await server.close();
    open.splice(0);
    expect(await refusal(read())).toMatchObject({ field: 'mcp.url' });
    const refusing = createMcpSupport({
      send: () => Promise.reject(new EgressError('address_refused', 'mcp.example.com is not public')),
    });
    const { message } = await refusal(refusing.readTools('default', { url: server.url }));
    expect(message).toContain('mcp.example.com is not public');
  });

  it.each([
    ['nothing', undefined, 'mcp'],
    ['a list', [], 'mcp'],
    ['an unknown field', { url: 'https://mcp.example.com/', header: 'x' }, 'mcp.header'],
    ['no url', {}, 'mcp.url'],
    ['http', { url: 'http://mcp.example.com/' }, 'mcp.url'],
    ['a user', { url: 'https://hunter2@mcp.example.com/' }, 'mcp.url'],
    ['a query', { url: 'https://mcp.example.com/?key=hunter2' }, 'mcp.url'],
    ['a fragment', { url: 'https://mcp.example.com/#x' }, 'mcp.url'],
    ['a path to be mended', { url: 'https://mcp.example.com/a/../mcp' }, 'mcp.url'],
    ['capitals in the host', { url: 'https://MCP.example.com/mcp' }, 'mcp.url'],
    ['a token with a line break', { url: 'https://mcp.example.com/', token: 'hunter2\r\nx: y' }, 'mcp.token'],
    ['tools that are no list', { url: 'https://mcp.example.com/', tools: {} }, 'mcp.tools'],
    ['a tool that is no object', { url: 'https://mcp.example.com/', tools: ['x'] }, 'mcp.tools'],
  ])('refuses the input %s', async (_what, input, field) => {
    expect((await refusal(mcp.readTools('default', input))).field).toBe(field);
  });
});

async function* endless(): AsyncGenerator<Buffer> {
  const line = Buffer.alloc(1 << 20, `: ${'x'.repeat(1000)}\n`);
  for (;;) yield line;
}
