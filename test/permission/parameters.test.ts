import { describe, expect, test } from 'vitest';
import type { OperationParameter } from '../../runtime/connector/connector.ts';
import { compileConstraint } from '../../runtime/permission/constraints.ts';
import { type CallParts, operationOf, parametersOf } from './facts.ts';

const form = 'application/x-www-form-urlencoded';
const values = (parts: CallParts, name = 'channel') => parametersOf(parts).values(name);
const found = (parts: CallParts, name?: string) => {
  const { found, unreadable } = values(parts, name);
  expect(unreadable).toBeUndefined();
  return found;
};
/** Whether the constraint channel = "C1" lets the call through. */
const passes = (parts: CallParts, name = 'channel') => {
  const { found, unreadable } = values(parts, name);
  return unreadable === undefined && compileConstraint({ equals: 'C1' }).holds(found);
};
const declared = (...parameters: OperationParameter[]) => ({ operation: operationOf('op', { parameters }) });

describe('a parameter is found', () => {
  test.each<[string, CallParts, unknown[]]>([
    ['in the query, decoded', { query: '?channel=C%31&x=1' }, ['C1']],
    ['in the query, plus is a space', { query: '?channel=a+b%2Bc' }, ['a b+c']],
    ['at every repetition', { query: '?channel=C1&channel=C2' }, ['C1', 'C2']],
    ['as a list in the query', { query: '?channel[]=C1&channel%5B%5D=C2&channel[7]=C3' }, ['C1', 'C2', 'C3']],
    ['without a value', { query: '?channel' }, ['']],
    ['in a JSON body', { body: { channel: 'C1', text: 'x' } }, ['C1']],
    ['in a JSON body by its type', { body: { channel: [1, true, null] } }, [1, true, null]],
    [
      'in JSON of a type of its own',
      { body: { channel: 'C1' }, type: 'application/vnd.api+json; charset=UTF-8' },
      ['C1'],
    ],
    ['in a form', { body: 'text=hello+world&channel=C1', type: form }, ['C1']],
    ['in the path, decoded', { path: { channel: 'C%201' } }, ['C 1']],
    [
      'in several places, all of them',
      { query: '?channel=C2', path: { channel: 'C3' }, body: { channel: 'C1' } },
      ['C3', 'C2', 'C1'],
    ],
    ['in every item of a batch', { body: [{ channel: 'C1' }, { channel: 'C2' }] }, ['C1', 'C2']],
  ])('%s', (_, parts, expected) => expect(found(parts)).toEqual(expected));

  test('deeper, by a name with dots', () => {
    expect(found({ body: { fields: { channel: 'C1' } } }, 'fields.channel')).toEqual(['C1']);
    expect(found({ body: { 'fields.channel': 'C1', fields: { channel: 'C2' } } }, 'fields.channel')).toEqual([
      'C1',
      'C2',
    ]);
    expect(found({ body: { to: [{ id: 'C1' }, { id: 'C2' }] } }, 'to.id')).toEqual(['C1', 'C2']);
    expect(found({ body: 'fields[channel]=C1', type: form }, 'fields.channel')).toEqual(['C1']);
    expect(found({ query: '?page[limit]=C1' }, 'page[limit]')).toEqual(['C1']);
    expect(found({ body: { message: { channel: 'C2' } } })).toEqual([]);
  });

  test('in headers only where the operation says so', () => {
    const headers: [string, string][] = [['NOTION-version', ' 2022 ']];
    expect(found({ headers }, 'Notion-Version')).toEqual([]);
    expect(found({ headers, ...declared({ name: 'Notion-Version', in: 'header' }) }, 'Notion-Version')).toEqual([
      '2022',
    ]);
  });

  test('by any of its names', () => {
    const parts = declared({ name: 'channel', in: 'body', aliases: ['channel_id'] });
    expect(found({ ...parts, body: { channel: 'C1', channel_id: 'C2' } })).toEqual(['C1', 'C2']);
    expect(found({ ...parts, body: { channel: 'C1', channel_id: 'C2' } }, 'channel_id')).toEqual(['C2', 'C1']);
  });
});

describe('where the service does not look, a parameter is missing', () => {
  test('in the query instead of the body', () => {
    const parts = declared({ name: 'channel', in: 'body' });
    expect(passes({ ...parts, query: '?channel=C1', body: {} })).toBe(false);
    expect(passes({ ...parts, query: '?channel=C1', body: { channel: 'C1' } })).toBe(true);
    expect(passes({ ...parts, query: '?channel=C2', body: { channel: 'C1' } })).toBe(false);
  });

  test('in the body instead of the path', () => {
    const parts = declared({ name: 'channel', in: 'path' });
    expect(passes({ ...parts, path: {}, body: { channel: 'C1' } })).toBe(false);
    expect(passes({ ...parts, path: { channel: 'C1' }, body: 'bytes', type: 'application/octet-stream' })).toBe(true);
    expect(passes({ ...parts, path: { channel: 'C1' }, body: '', type: 'multipart/form-data; boundary=x' })).toBe(true);
  });
});

test('a body that is content, whatever it looks like, holds no parameter and hides none elsewhere', () => {
  const operation = operationOf('upload', { rawBody: true, parameters: [{ name: 'channel', in: 'query' }] });
  for (const type of ['application/json', 'multipart/form-data; boundary=x', form, '']) {
    expect(passes({ operation, query: '?channel=C1', body: { channel: 'C2' }, type }), type).toBe(true);
    expect(passes({ operation, body: { channel: 'C1' }, type }), type).toBe(false);
    expect(passes({ operation, query: '?other=C1', body: { other: 'C1' }, type }, 'other'), type).toBe(false);
  }
});

describe('what can be read in two ways is refused', () => {
  const good = '"channel":"C1"';
  const refused: [string, CallParts][] = [
    ['nothing at all', {}],
    ['absent from the body', { body: { text: 'x' } }],
    ['null', { body: { channel: null } }],
    ['an empty list', { body: { channel: [] } }],
    ['a list with another value', { body: { channel: ['C1', 'C2'] } }],
    ['an object', { body: { channel: { toString: 'C1' } } }],
    ['a key twice, other value last', { body: `{${good},"channel":"C2"}` }],
    ['a key twice, right value last', { body: `{"channel":"C2",${good}}` }],
    ['a key twice, escaped', { body: `{"ch\\u0061nnel":"C2",${good}}` }],
    ['a key twice in another object', { body: `{${good},"x":{"y":1,"y":2}}` }],
    ['a key twice after a text that ends in backslashes', { body: `{"x":"\\\\",${good},"channel":"C2"}` }],
    ['a key in another case', { body: `{${good},"Channel":"C2"}` }],
    ['a key in another case alone', { body: '{"CHANNEL":"C1"}' }],
    ['a list in which an item has none', { body: `[{${good}},{}]` }],
    ['a byte order mark', { body: `\ufeff{${good}}` }],
    ['not UTF-8', { body: Buffer.concat([Buffer.from(`{${good},"x":"`), Buffer.from([0xff]), Buffer.from('"}')]) }],
    ['UTF-16', { body: Buffer.from(`{${good}}`, 'utf16le') }],
    ['__proto__', { body: `{"__proto__":{${good}}}` }],
    ['__proto__ beside it', { body: `{${good},"x":{"__proto__":{}}}` }],
    ['nested too deeply', { body: `{${good},"x":${'['.repeat(64)}${']'.repeat(64)}}` }],
    ['a comment', { body: `{${good}/*,"channel":"C2"*/}` }],
    ['a comma at the end', { body: `{${good},}` }],
    ['two documents', { body: `{${good}}{"channel":"C2"}` }],
    ['cut off', { body: `{${good}` }],
    ['a compressed body', { body: `{${good}}`, headers: [['content-encoding', 'gzip']] }],
    ['a body with no type', { body: `{${good}}`, type: '' }],
    ['two types', { body: `{${good}}`, headers: [['content-type', 'text/plain']] }],
    ['another charset', { body: `{${good}}`, type: 'application/json; charset=utf-7' }],
    ['two charsets', { body: `{${good}}`, type: 'application/json; charset=utf-8; charset=utf-8' }],
    ['JSON that is called text', { body: `{${good}}`, type: 'text/plain' }],
    ['a multipart body', { body: 'x', type: 'multipart/form-data; boundary=x', query: '?channel=C1' }],
    ['bytes of no known meaning', { body: 'x', type: 'application/octet-stream', query: '?channel=C1' }],
    ['a query that repeats it', { query: '?channel=C1&channel=C2' }],
    ['a query in another case', { query: '?channel=C1&CHANNEL=C2' }],
    ['a query with an encoded name', { query: '?channel=C1&%63hannel=C2' }],
    ['a query with a list', { query: '?channel=C1&channel[]=C2' }],
    ['a query with parts', { query: '?channel=C1&channel[id]=C2' }],
    ['a query with a semicolon', { query: '?x=1;channel=C2&channel=C1' }],
    ['a query that is not UTF-8', { query: '?channel=C1&x=%ff' }],
    ['a query with a bad percent', { query: '?channel=C1&x=%zz' }],
    ['a name with a blank in front', { query: '?channel=C1&%20channel=C2' }],
    ['a name with NUL', { query: '?channel=C1&channel%00=C2' }],
    ['a name with half a bracket', { query: '?channel=C1&channel[=C2' }],
    ['a form with a list of objects', { body: 'channel[0]=C1&channel[1][x]=1', type: form }],
    ['a form and the query', { body: 'channel=C1', type: form, query: '?channel=C2' }],
    ['a value with a line break', { body: { channel: 'C1\n' } }],
    ['a value in another normal form', { body: { channel: 'C\u0661' } }],
    ['a path that is not UTF-8', { path: { channel: '%ff' } }],
    ['a path that is encoded twice', { path: { channel: '%2543%2531' } }],
  ];
  test.each(refused)('%s', (_, parts) => expect(passes(parts)).toBe(false));

  test('the same calls pass without what is wrong with them', () => {
    expect(passes({ body: `{${good},"x":{"y":1,"z":2}}` })).toBe(true);
    expect(passes({ body: `{${good},"x":"a:b\\"c:d\\\\"}` })).toBe(true);
    expect(passes({ body: `{${good},"x":${'['.repeat(60)}${']'.repeat(60)}}` })).toBe(true);
    expect(passes({ body: 'channel=C1&items[0][price]=1', type: form, query: '?x=%C3%A9' })).toBe(true);
    expect(passes({ query: '?channel=C1' })).toBe(true);
    expect(passes({ query: '?channel=C1', headers: [['content-encoding', 'gzip']], body: '' })).toBe(true);
  });

  test('names that PHP bends to the same', () => {
    expect(passes({ query: '?channel_id=C1' }, 'channel_id')).toBe(true);
    for (const other of ['channel.id', 'channel+id', 'channel%20id', 'Channel_ID'])
      expect(passes({ query: `?channel_id=C1&${other}=C2` }, 'channel_id'), other).toBe(false);
  });

  test('letters that some readers fold to plain ones', () => {
    expect(passes({ body: { link: 'C1' } }, 'link')).toBe(true);
    for (const other of ['LINK', 'lin\u212a', 'l\u0131nk'])
      expect(passes({ body: { link: 'C1', [other]: 'C2' } }, 'link'), other).toBe(false);
  });

  test('a part and the whole of a form', () => {
    expect(passes({ query: '?a[channel]=C1' }, 'a.channel')).toBe(true);
    expect(passes({ query: '?a[channel]=C1&a=x' }, 'a.channel')).toBe(false);
  });

  test('more fields, and larger bodies, than are judged', () => {
    expect(passes({ body: `channel=C1${'&x'.repeat(1999)}`, type: form })).toBe(true);
    expect(passes({ body: `channel=C1${'&x'.repeat(2000)}`, type: form })).toBe(false);
    expect(passes({ body: { channel: 'C1', x: 'x'.repeat(1_000_000) } })).toBe(true);
    expect(passes({ body: { channel: 'C1', x: 'x'.repeat(1_048_576) } })).toBe(false);
  });

  test('more values than are judged', () => {
    expect(passes({ body: { channel: Array(1000).fill('C1') } })).toBe(true);
    expect(passes({ body: { channel: Array(1001).fill('C1') } })).toBe(false);
  });
});

test('nothing is parsed before a constraint asks', () => {
  const body = Buffer.from('{"channel":"C1"}');
  const parameters = parametersOf({ body });
  // Overwritten after the call was read: the first question sees the change, a second one the first answer.
  body.write('2', body.indexOf('1'));
  expect(parameters.values('channel').found).toEqual(['C2']);
  body.write('3', body.indexOf('2'));
  expect(parameters.values('channel').found).toEqual(['C2']);
});
