/** Texts that are no OpenAPI document, or are made to harm whoever reads them. */
import { describe, expect, test } from 'vitest';
import { outlineOf } from '../../runtime/connector/openapi/outline.ts';
import { DocumentFault, readDocument } from '../../runtime/connector/openapi/read-document.ts';
import { outline, small } from './small-document.ts';

describe('documents that are none', () => {
  const fault = (text: string | Uint8Array) => {
    try {
      outlineOf({ text });
    } catch (error) {
      if (error instanceof DocumentFault) return error.message;
      throw error;
    }
    return 'no fault';
  };
  test('not JSON, not YAML, not OpenAPI', () => {
    expect(fault('{"openapi": ')).toMatch(/neither JSON nor YAML/);
    expect(fault('a: [1, 2')).toMatch(/neither JSON nor YAML/);
    expect(fault('just text')).toMatch(/not an object/);
    expect(fault('')).toMatch(/not an object/);
    expect(fault('[]')).toMatch(/not an object/);
    expect(fault('null')).toMatch(/not an object/);
    expect(fault('{}')).toMatch(/not OpenAPI/);
    expect(fault('openapi: 2.0.0')).toMatch(/not OpenAPI/);
    expect(fault('openapi: 4.0.0')).toMatch(/not OpenAPI/);
    expect(fault('swagger: "1.2"')).toMatch(/not OpenAPI/);
    expect(fault(Buffer.from([0x7b, 0xff, 0x7d]))).toMatch(/UTF-8/);
    expect(fault(JSON.stringify(small({ paths: {} })))).toMatch(/no operation/);
    const many = Object.fromEntries(Array.from({ length: 5001 }, (_, index) => [`/a${index}`, { get: {} }]));
    expect(fault(JSON.stringify(small({ paths: many })))).toMatch(/5001 operations/);
    expect(fault(JSON.stringify(small({ paths: [1, null] })))).toMatch(/no operation/);
    expect(fault(JSON.stringify(small({ paths: { '/a': null, '/b': { get: 7, trace: {} } } })))).toMatch(
      /no operation/,
    );
  });
  test('an error never quotes the document', () => {
    expect(fault('token: "s3cret" "x"')).not.toContain('s3cret');
    expect(fault('{"token": s3cret}}')).not.toContain('s3cret');
  });
  test('YAML: two keys of one name, tags, merges and dates are no more than JSON', () => {
    expect(() => readDocument('a: 1\na: 2')).toThrow(DocumentFault);
    expect(() => readDocument('a: !!js/function "function(){}"')).toThrow(DocumentFault);
    expect(() => readDocument('? [a, b]\n: 1')).toThrow(DocumentFault);
    expect(readDocument('a: 2024-06-01\nb: yes\nc: 0o10\nd: !!str 7\n<<: {e: 1}')).toEqual({
      a: '2024-06-01',
      b: 'yes',
      c: 8,
      d: '7',
      '<<': { e: 1 },
    });
    expect(Object.keys(readDocument('__proto__: {polluted: 1}') as object)).toEqual(['__proto__']);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
  test('a bomb of aliases, and nesting without end', () => {
    const bomb = Array.from(
      { length: 30 },
      (_, index) =>
        `a${index}: &a${index} [${
          index === 0
            ? 'x'
            : Array(10)
                .fill(`*a${index - 1}`)
                .join(', ')
        }]`,
    ).join('\n');
    expect(fault(`openapi: 3.0.0\n${bomb}`)).toMatch(/aliases/);
    expect(fault(`{"openapi":"3.0.0","paths":${'['.repeat(5000)}`)).toMatch(/nested deeper/);
    expect(fault(`openapi: 3.0.0\npaths: ${'{a: '.repeat(5000)}`)).toMatch(/nested deeper/);
    expect(
      fault(`openapi: 3.0.0\n${Array.from({ length: 3000 }, (_, index) => `${' '.repeat(index)}a:`).join('\n')}`),
    ).toMatch(/nested deeper/);
    expect(fault(`openapi: 3.0.0\nx: ${'- '.repeat(3000)}a`)).toMatch(/neither|nested/);
    expect(fault(`${'- '.repeat(3000)}a`)).toMatch(/nested deeper/);
    expect(fault(`a: *nothing`)).toMatch(/aliases|neither/);
    expect(fault(' '.repeat(8 * 1024 * 1024 + 1))).toMatch(/more than/);
  });
  test('references: to other documents, in a circle, to what is not there, to what all objects have', () => {
    const { operations } = outline({
      paths: {
        '/a': {
          get: {
            operationId: 'a',
            parameters: [
              '#/x',
              '#/components/parameters/a',
              'other.yaml#/b',
              '#/constructor',
              '#/paths/~1a/get',
              '#/__proto__',
            ].map(($ref) => ({ $ref })),
          },
        },
        '/b': { $ref: '#/components/pathItems/b' },
        '/c': { $ref: '#/paths/~1c' },
      },
      components: {
        parameters: { a: { $ref: '#/components/parameters/b' }, b: { $ref: '#/components/parameters/a' } },
        pathItems: { b: { get: { operationId: 'b' } } },
      },
    });
    expect(operations.map(({ name, parameters }) => [name, parameters])).toEqual([
      ['a', []],
      ['b', []],
    ]);
  });
});
