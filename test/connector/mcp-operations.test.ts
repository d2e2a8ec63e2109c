import { describe, expect, it } from 'vitest';
import { operationsOf, toolNames, weather } from './mcp-tools.ts';

describe('tools as operations', () => {
  it.each([
    ['get_weather', {}, 'read'],
    ['listIssues', {}, 'read'],
    ['github_search_code', {}, 'read'],
    ['list_deleted_items', {}, 'read'],
    ['query_database', {}, 'write'],
    ['query_database', { readOnlyHint: true }, 'read'],
    ['frobnicate', {}, 'write'],
    ['frobnicate', { readOnlyHint: true }, 'read'],
    ['frobnicate', { readOnlyHint: false }, 'write'],
    ['frobnicate', { readOnlyHint: false, destructiveHint: true }, 'delete'],
    ['get_weather', { readOnlyHint: false }, 'write'],
    ['get_weather', { destructiveHint: true }, 'delete'],
    ['create_issue', {}, 'write'],
    // A server's word does not make a tool harmless whose name says otherwise.
    ['create_issue', { readOnlyHint: true }, 'write'],
    ['delete_file', { readOnlyHint: true }, 'delete'],
    ['purge', { readOnlyHint: true, destructiveHint: false }, 'delete'],
    ['send_email', { readOnlyHint: true }, 'send'],
    ['post_message', {}, 'send'],
    ['frobnicate', { readOnlyHint: 'true' }, 'write'],
  ])('%s with %j is %s', async (name, annotations, effect) => {
    const [operation] = await operationsOf([{ ...weather, name, annotations }]);
    expect(operation).toMatchObject({
      name,
      method: 'POST',
      path: '/v1/mcp',
      effect,
      rpc: { method: 'tools/call', tool: name },
    });
    expect(operation?.danger !== undefined).toBe(effect === 'delete' || effect === 'send');
  });

  it('arguments are parameters of the body, down to two levels', async () => {
    const inputSchema = {
      type: 'object',
      required: ['channel'],
      properties: {
        channel: { type: 'string' },
        options: { type: 'object', properties: { deep: { properties: { deeper: {} } } } },
        list: { type: 'array', items: { properties: { no: {} } } },
        'odd\nname': {},
      },
    };
    const [operation] = await operationsOf([{ name: 'send', inputSchema }]);
    expect(operation?.parameters).toEqual([
      { name: 'params.arguments.channel', in: 'body', required: true },
      { name: 'params.arguments.options', in: 'body' },
      { name: 'params.arguments.options.deep', in: 'body' },
      { name: 'params.arguments.list', in: 'body' },
    ]);
  });

  it('an argument that is repeated in a header is constrained there too', async () => {
    const region = { type: 'string', 'x-mcp-header': 'Region' };
    const [operation] = await operationsOf([{ name: 'run', inputSchema: { properties: { region } } }]);
    expect(operation?.parameters).toEqual([
      { name: 'params.arguments.region', in: 'body', aliases: ['mcp-param-region'] },
      { name: 'mcp-param-region', in: 'header' },
    ]);
  });

  it.each([
    ['an empty name', { properties: { a: { type: 'string', 'x-mcp-header': '' } } }],
    ['a name with a line break', { properties: { a: { type: 'string', 'x-mcp-header': 'A\r\nB' } } }],
    ['a number', { properties: { a: { type: 'number', 'x-mcp-header': 'A' } } }],
    [
      'one name twice',
      { properties: { a: { type: 'string', 'x-mcp-header': 'A' }, b: { type: 'string', 'x-mcp-header': 'a' } } },
    ],
    ['items of a list', { properties: { a: { items: { type: 'string', 'x-mcp-header': 'A' } } } }],
    ['a choice', { anyOf: [{ properties: { a: { type: 'string', 'x-mcp-header': 'A' } } }] }],
    ['the root', { type: 'string', 'x-mcp-header': 'A' }],
  ])('a tool is left out that repeats an argument wrongly: %s', async (_what, inputSchema) => {
    expect(toolNames(await operationsOf([weather, { name: 'wrong', inputSchema }]))).toEqual(['get_weather']);
  });

  it('tools are left out that cannot be named, share a name, or have no schema', async () => {
    const odd = ['', ' x', 'a b', 'a:read', 'a*', 'mcp/initialize', '../x', 'ä', 'x'.repeat(201), 7, null, '__proto__'];
    const tools = [
      weather,
      ...odd.map((name) => ({ ...weather, name })),
      { name: 'twice' },
      { name: 'twice' },
      { name: 'wrong', inputSchema: 'x' },
    ];
    expect(toolNames(await operationsOf(tools))).toEqual(['get_weather']);
  });

  it('methods of the protocol read, and none can be taken for a tool', async () => {
    const operations = await operationsOf([{ name: 'ping' }, { name: 'initialize' }]);
    const names = operations.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(
      expect.arrayContaining(['ping', 'initialize', 'mcp/ping', 'mcp/initialize', 'mcp/tools/list']),
    );
    expect(names.some((name) => name.startsWith('mcp/resources/'))).toBe(false);
    const protocol = operations.filter(({ name }) => name.startsWith('mcp/'));
    expect(new Set(protocol.map(({ effect }) => effect))).toEqual(new Set(['read']));
  });
});
