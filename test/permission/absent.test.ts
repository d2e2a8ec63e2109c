/** A parameter that must not be given: wherever it stands, whatever its value, and in every spelling that some reader takes. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { OperationParameter } from '../../runtime/connector/connector.ts';
import { decide } from '../../runtime/permission/decide.ts';
import { compilePolicy } from '../../runtime/permission/policy.ts';
import { type CallParts, factsOf, grantOf, operationOf, parametersOf } from './facts.ts';

const form = 'application/x-www-form-urlencoded';
const given = (parts: CallParts, name = 'in_trash') => parametersOf(parts).given(name);
const having = (...parameters: OperationParameter[]) => operationOf('pages.update', { parameters });
const inBody = having({ name: 'in_trash', in: 'body' });
const inQuery = having({ name: 'in_trash', in: 'query' });

describe('a parameter is absent', () => {
  test.each<[string, CallParts]>([
    ['from a call with nothing', {}],
    ['from a body with other fields', { body: { archived: true, properties: { Name: 'in_trash' } } }],
    ['from a body that has it elsewhere', { body: { properties: { in_trash: true } } }],
    ['from a list of objects', { body: [{ a: 1 }, { b: 2 }] }],
    ['from a body that is text', { body: '"in_trash"' }],
    ['from a form', { body: 'a=in_trash&in_trash2=1', type: form }],
    ['from a query', { query: '?in=trash&trash=in' }],
    ['from the path and the headers', { path: { page_id: 'in_trash' }, headers: [['x-in', 'in_trash']] }],
  ])('%s', (_, parts) => {
    expect(given(parts)).toBeUndefined();
    expect(given({ ...parts, operation: inBody })).toBeUndefined();
  });

  test('with a header of its name, when the operation reads it elsewhere', () => {
    const headers: [string, string][] = [['From', 'x']];
    expect(given({ headers, operation: having({ name: 'from', in: 'body' }) }, 'from')).toBeUndefined();
    expect(given({ headers, operation: having({ name: 'from', in: 'header' }) }, 'from')).toContain('the header');
    expect(given({ headers }, 'from')).toContain('the header');
  });

  test('from content, where the operation says that its body is content or that it reads the parameter elsewhere', () => {
    const content = { body: Buffer.from('{"in_trash":true}'), type: 'application/octet-stream' };
    expect(given({ ...content, operation: inQuery })).toBeUndefined();
    expect(given({ ...content, operation: operationOf('upload', { rawBody: true }) })).toBeUndefined();
    // A service may read JSON whatever its type is said to be.
    expect(given({ ...content, operation: inBody })).toContain('neither JSON nor a form');
    expect(given(content)).toContain('neither JSON nor a form');
    const both = operationOf('upload', { rawBody: true, parameters: inBody.parameters });
    expect(given({ ...content, operation: both })).toContain('content');
  });
});

describe('a parameter is given', () => {
  test.each([true, false, null, '', 0, [], {}, [null]])('with the value %j', (value) => {
    expect(given({ body: { in_trash: value } })).toBe('the body has "in_trash"');
  });

  test.each([
    'in_trash',
    'inTrash',
    'IN_TRASH',
    'in-trash',
    'in.trash',
    'in trash',
    'In_Tra\u017fh',
  ])('as %s', (name) => {
    expect(given({ body: { [name]: true } })).toContain('the body has');
    expect(given({ query: `?${encodeURIComponent(name)}=true` })).toContain('the query has');
    expect(given({ body: `x=1&${encodeURIComponent(name)}`, type: form })).toContain('the body has');
    expect(given({ path: { [name]: 'x' } })).toContain('the path has');
  });

  test('where the service does not look for it', () => {
    expect(given({ query: '?in_trash=1', operation: inBody })).toContain('the query');
    expect(given({ body: { in_trash: 1 }, operation: inQuery })).toContain('the body');
  });

  test('by another name that the service reads', () => {
    const aliased = having({ name: 'in_trash', in: 'body', aliases: ['archived'] });
    expect(given({ body: { archived: true }, operation: aliased })).toContain('archived');
    expect(given({ body: { in_trash: true }, operation: aliased }, 'archived')).toContain('in_trash');
  });

  test('in one item of a list, and in a list that is written as an object', () => {
    expect(given({ body: [{}, { in_trash: true }] })).toContain('the body');
    expect(given({ body: { pages: [{}, [{ inTrash: true }]] } }, 'pages.in_trash')).toContain('the body');
    expect(given({ body: { pages: { 1: { in_trash: true } } } }, 'pages.in_trash')).toContain('the body');
    expect(given({ query: '?pages[0][in_trash]=1' }, 'pages.in_trash')).toContain('the query');
  });

  test('with parts of its own, and as a part of what is given whole', () => {
    expect(given({ query: '?trash[in]=1' }, 'trash')).toContain('the query');
    expect(given({ query: '?page=%7B%7D' }, 'page.in_trash')).toContain('as a whole');
    expect(given({ body: { page: '{"in_trash":true}' } }, 'page.in_trash')).toContain('as text');
    expect(given({ body: { page: [['{"in_trash":true}']] } }, 'page.in_trash')).toContain('as text');
    expect(given({ body: { 'page.in_trash': 1 } }, 'page.in_trash')).toContain('the body');
    expect(given({ body: { page: { other: 1 }, in_trash: true } }, 'page.in_trash')).toBeUndefined();
  });

  test.each<[string, CallParts]>([
    ['a key twice', { body: '{"a":1,"a":2}' }],
    ['no JSON', { body: '{' }],
    ['no type', { body: '{}', type: '' }],
    ['parts', { body: '{}', type: 'multipart/form-data; boundary=x' }],
    ['compressed', { body: '{}', headers: [['content-encoding', 'gzip']] }],
    ['too large', { body: { x: 'x'.repeat(1_048_576) } }],
    ['a form that readers split in two ways', { body: 'a=1;in_trash=1', type: form }],
    ['a query that readers split in two ways', { query: '?a=1;b=2' }],
    ['a query that is no UTF-8', { query: '?a=%ff' }],
  ])('perhaps, when the call cannot be read with one meaning: %s', (_, parts) => {
    for (const operation of [operationOf('op'), inBody]) expect(given({ ...parts, operation })).toBeDefined();
  });

  test('and what the guest chose is shown short, on one line', () => {
    const text = given({ body: { [`in_trash${'\n_'.repeat(200)}`]: 1 } });
    expect(text?.length).toBeLessThan(200);
    expect(text).not.toContain('\n');
  });
});

describe('a grant with an absence', () => {
  const constraints = { page_id: { equals: 'p1' }, in_trash: { absent: true as const } };
  const policy = compilePolicy('reporter', { status: 'active', grants: [grantOf({ constraints })], pending: [] });
  const decided = (parts: CallParts) => decide(policy, factsOf({ path: { page_id: 'p1' }, ...parts }));

  test('allows calls without the parameter, and says of others what is wrong', () => {
    expect(decided({ body: { archived: false } })).toMatchObject({ allowed: true });
    expect(decided({ body: { in_trash: false } })).toMatchObject({
      allowed: false,
      reason: 'constraint',
      message: expect.stringContaining('only where in_trash is not given (the body has "in_trash")'),
    });
  });

  test('demands the values of its other constraints all the same', () => {
    expect(decided({ path: { page_id: 'p2' } })).toMatchObject({ allowed: false, reason: 'constraint' });
  });

  const separators = fc.constantFrom('_', '', '-', '.', ' ');
  const spelled = fc
    .tuple(fc.mixedCase(fc.constant('in')), separators, fc.mixedCase(fc.constant('trash')))
    .map((parts) => parts.join(''));
  const others = fc.dictionary(fc.constantFrom('archived', 'properties', 'icon', 'in', 'trash'), fc.jsonValue(), {
    maxKeys: 3,
  });

  test('refuses the parameter in every place, value and spelling (property)', () => {
    const place = fc.constantFrom('json', 'list', 'form', 'query', 'header');
    fc.assert(
      fc.property(spelled, place, others, fc.jsonValue(), (name, where, rest, value) => {
        const parts: Record<typeof where, CallParts> = {
          json: { body: { ...rest, [name]: value } },
          list: { body: [rest, { ...rest, [name]: value }] },
          form: { body: `a=1&${encodeURIComponent(name)}=${encodeURIComponent(JSON.stringify(value))}`, type: form },
          query: { query: `?${encodeURIComponent(name)}=`, body: rest },
          header: { headers: [[name.replaceAll(/[. ]/g, '-'), 'x']], body: rest },
        };
        expect(decided(parts[where]).allowed).toBe(false);
      }),
    );
  });

  test('never allows what a constraint on a value of it would find (property)', () => {
    let found = 0;
    const operations = [
      operationOf('op'),
      inBody,
      inQuery,
      having({ name: 'in_trash', in: 'body', aliases: ['trash'] }),
    ];
    const names = fc.constantFrom('in_trash', 'trash', 'in', 'in.trash', 'inTrash', 'x');
    const body = fc.letrec<{ node: unknown }>((tie) => ({
      node: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom<unknown>(1, null, 'text'),
        fc.dictionary(names, tie('node'), { maxKeys: 2 }),
        fc.array(tie('node'), { maxLength: 2 }),
      ),
    })).node;
    const query = fc.array(names).map((all) => `?${all.map((one) => `${one}=1`).join('&')}`);
    fc.assert(
      fc.property(fc.constantFrom(...operations), names, body, query, (operation, name, value, search) => {
        const parameters = parametersOf({ operation, body: value, query: search });
        if (parameters.values(name).found.length === 0) return;
        found++;
        expect(parameters.given(name)).toBeDefined();
      }),
      { numRuns: 1000 },
    );
    expect(found).toBeGreaterThan(100);
  });

  test('allows what has it nowhere (property)', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('archived', 'icon', 'cover'), fc.jsonValue(), { maxKeys: 3 }),
        (body) => {
          expect(decided({ body }).allowed).toBe(true);
        },
      ),
    );
  });
});
