import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileRpc } from '../../runtime/connector/mcp/match-body.ts';
import { operationsOf, weather } from './mcp-tools.ts';

describe('which operation a message calls', () => {
  const tools = [weather, { name: 'delete_file' }, { name: 'ping' }];
  const matchBody = async () => compileRpc((await operationsOf(tools)).filter(({ rpc }) => rpc));
  const call = (name: string, more = '') =>
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${name}","arguments":{}}${more}}`;
  const message = (method: string, more = ',"id":1') => `{"jsonrpc":"2.0","method":"${method}"${more}}`;

  it.each([
    [call('get_weather'), 'get_weather'],
    [call('ping'), 'ping'],
    [message('ping'), 'mcp/ping'],
    [message('initialize', ',"id":"a","params":{"protocolVersion":"2025-11-25"}'), 'mcp/initialize'],
    [message('notifications/initialized', ''), 'mcp/notifications/initialized'],
    [message('tools/list', ',"id":0,"params":{"cursor":"x","_meta":{}}'), 'mcp/tools/list'],
    [` \n${call('get_weather')}\n`, 'get_weather'],
    ['{"jsonrpc":"2.0","id":1,"method":"tools\\/call","params":{"name":"get\\u005fweather"}}', 'get_weather'],
  ])('%s', async (body, name) => {
    const match = (await matchBody())(Buffer.from(body));
    expect(match.kind === 'operation' && match.operation.name).toBe(name);
  });

  it('a message of just 1 MiB is read', async () => {
    const match = (await matchBody())(Buffer.from(call('get_weather').padEnd(1024 * 1024)));
    expect(match.kind).toBe('operation');
  });

  it.each([
    ['an unknown tool', call('get_weather2')],
    ['another spelling of a tool', call('Get_Weather')],
    ['a method of the protocol as a tool', call('tools/list')],
    ['an operation of ours as a tool', call('mcp/ping')],
    ['an unknown method', message('resources/read')],
    ['another spelling of a method', message('Tools/List')],
    ['an unknown notification', message('notifications/other', '')],
    ['__proto__ as a tool', call('__proto__')],
    ['constructor as a method', message('constructor')],
  ])('%s is none', async (_what, body) => {
    expect((await matchBody())(Buffer.from(body)).kind).toBe('none');
  });

  it.each([
    ['nothing', ''],
    ['no JSON', 'tools/call'],
    ['text', '"tools/call"'],
    ['null', 'null'],
    ['a batch', `[${call('get_weather')},${call('delete_file')}]`],
    ['a batch of one', `[${call('get_weather')}]`],
    ['an empty batch', '[]'],
    ['a method twice', call('get_weather', ',"method":"ping"')],
    ['a tool twice', call('get_weather').replace('"arguments"', '"name":"delete_file","arguments"')],
    [
      'a tool twice, once encoded',
      call('get_weather').replace('"arguments"', '"n\\u0061me":"delete_file","arguments"'),
    ],
    ['a tool twice, once in capitals', call('get_weather').replace('"arguments"', '"Name":"delete_file","arguments"')],
    ['a method twice, once in capitals', call('get_weather', ',"METHOD":"ping"')],
    ['params twice, once with a long s', call('get_weather', ',"param\u017f":{"name":"delete_file"}')],
    ['__proto__', call('get_weather', ',"__proto__":{"method":"ping"}')],
    ['an argument twice', call('get_weather').replace('{}', '{"a":1,"a":2}')],
    ['an unknown field', call('get_weather', ',"extra":1')],
    ['two messages', `${call('get_weather')}\n${call('delete_file')}`],
    ['JSON-RPC 1.0', call('get_weather').replace('2.0', '1.0')],
    ['no version', call('get_weather').replace('"jsonrpc":"2.0",', '')],
    ['no id', call('get_weather').replace('"id":1,', '')],
    ['null as id', call('get_weather').replace('"id":1', '"id":null')],
    ['a broken number as id', call('get_weather').replace('"id":1', '"id":1.5')],
    ['an id in a notification', message('notifications/initialized')],
    ['a response', '{"jsonrpc":"2.0","id":1,"result":{}}'],
    ['no tool', call('get_weather').replace('"name":"get_weather",', '')],
    ['a list as tool', call('get_weather').replace('"get_weather"', '["get_weather"]')],
    ['a list as params', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["get_weather"]}'],
    ['text as arguments', call('get_weather').replace('{}', '"{}"')],
    ['a byte order mark', `\ufeff${call('get_weather')}`],
    ['UTF-16', Buffer.from(call('get_weather'), 'utf16le')],
    ['no UTF-8', Buffer.concat([Buffer.from(call('get_weather').slice(0, -1)), Buffer.from([0xff]), Buffer.from('}')])],
    ['gzip', Buffer.from([0x1f, 0x8b, 8, 0])],
    ['a message of more than 1 MiB', call('get_weather').padEnd(1024 * 1024 + 1)],
  ])('%s is ambiguous', async (_what, body) => {
    const match = (await matchBody())(typeof body === 'string' ? Buffer.from(body) : body);
    expect(match).toEqual({ kind: 'ambiguous', why: expect.any(String) });
  });

  it.each<[string, [string, string][], string]>([
    ['no headers', [], 'operation'],
    [
      'both as the body says',
      [
        ['Mcp-Method', 'tools/call'],
        ['MCP-Name', 'get_weather'],
      ],
      'operation',
    ],
    ['an encoded name', [['mcp-name', `=?base64?${Buffer.from('get_weather').toString('base64')}?=`]], 'operation'],
    ['another method', [['mcp-method', 'tools/list']], 'ambiguous'],
    ['another tool', [['mcp-name', 'delete_file']], 'ambiguous'],
    [
      'another tool, encoded',
      [['mcp-name', `=?base64?${Buffer.from('delete_file').toString('base64')}?=`]],
      'ambiguous',
    ],
    [
      'the tool twice',
      [
        ['mcp-name', 'get_weather'],
        ['mcp-name', 'get_weather'],
      ],
      'ambiguous',
    ],
    ['a list of tools', [['mcp-name', 'get_weather, delete_file']], 'ambiguous'],
  ])('headers of routing: %s', async (_what, headers, kind) => {
    expect((await matchBody())(Buffer.from(call('get_weather')), headers).kind).toBe(kind);
  });

  it('a lenient server calls the same tool, or the message is refused (property)', async () => {
    const match = await matchBody();
    const word = fc.constantFrom('get_weather', 'delete_file', 'tools/call', 'tools/list', '2.0', 'x');
    const key = fc.oneof(
      fc.constantFrom('jsonrpc', 'id', 'method', 'params', 'name', 'arguments'),
      fc.mixedCase(fc.constantFrom('method', 'params', 'name')),
    );
    const leaf = fc.oneof(word, fc.constantFrom(1, null));
    const inner = fc.array(fc.tuple(key, leaf), { maxLength: 4 });
    const outer = fc.array(fc.tuple(key, fc.oneof(leaf, inner)), { maxLength: 3 });
    const start: [string, unknown][] = [
      ['jsonrpc', '2.0'],
      ['id', 1],
      ['method', 'tools/call'],
      ['params', [['name', 'get_weather']]],
    ];
    const mixed = outer.chain((more) => fc.shuffledSubarray([...start, ...more], { minLength: 3 }));
    let operations = 0;
    fc.assert(
      fc.property(mixed, (pairs) => {
        const body = written(pairs);
        const found = match(Buffer.from(body));
        if (found.kind !== 'operation') return;
        operations++;
        const message = lenient(JSON.parse(asPairs(pairs)));
        if (found.operation.rpc?.tool === undefined) expect(message.get('method')).toBe(found.operation.rpc?.method);
        else expect(lenient(message.get('params')).get('name')).toBe(found.operation.rpc.tool);
      }),
      { numRuns: 2000 },
    );
    expect(operations).toBeGreaterThan(10);
  });

  type Pairs = [string, unknown][];
  const isPairs = (value: unknown): value is Pairs => Array.isArray(value);
  const written = (pairs: Pairs): string =>
    `{${pairs.map(([key, value]) => `${JSON.stringify(key)}:${isPairs(value) ? written(value) : JSON.stringify(value)}`).join()}}`;
  const asPairs = (pairs: Pairs): string => JSON.stringify(pairs);
  /** As Go reads: keys without regard to case, the last of equal ones. */
  const lenient = (pairs: unknown) => new Map((pairs as Pairs).map(([key, value]) => [key.toLowerCase(), value]));
});
