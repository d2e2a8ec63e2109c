/** Documents are strangers' work: wherever one is odd, it is read without what is odd, or refused with a reason. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkNames } from '../../runtime/connector/check-operations.ts';
import { effects } from '../../runtime/connector/connector.ts';
import { outlineOf } from '../../runtime/connector/openapi/outline.ts';
import { DocumentFault, readDocument } from '../../runtime/connector/openapi/read-document.ts';
import { createMatcher } from '../../runtime/connector/operation-matcher.ts';
import type { Json } from '../../runtime/json.ts';
import { long } from '../store/scratch.ts';

const documents = ['tickets.yaml', 'parcels.json'].map((name) =>
  readDocument(readFileSync(join(import.meta.dirname, 'documents', name))),
);

const oddities: Json[] = [
  null,
  true,
  0,
  -1e308,
  '',
  'x'.repeat(2000),
  '\ud800',
  '__proto__',
  '#/paths',
  '../../etc/passwd',
  'two\r\nlines \u0000\ud800',
  'https://{x}.example/{y}{z}/%2e%2e;a',
  'http://',
  [],
  {},
  [[[]]],
  { $ref: '#' },
  { $ref: '#/' },
  { $ref: '#/components/schemas/Loop' },
  { $ref: 7 },
  { constructor: { prototype: 1 }, toString: 7, hasOwnProperty: null },
  JSON.parse(
    '{"__proto__": {"get": {}}, "/a//b": {"get": {}}, "/{a}{b}": {"post": {}}, "/\\u0000": {"get": {}}, "/ok": {"get": {}}}',
  ),
];

/** Replaces a value or renames a key somewhere in the document; `steps` choose where. */
function change(value: Json, steps: number[], odd: Json, renames: boolean): Json {
  if (typeof value !== 'object' || value === null || steps.length === 0) return odd;
  const keys = Object.keys(value);
  const key = keys[steps[0]! % Math.max(keys.length, 1)];
  if (key === undefined) return odd;
  const copy = structuredClone(value) as Record<string, Json>;
  if (renames && steps.length === 1 && !Array.isArray(value)) {
    const inner = copy[key]!;
    delete copy[key];
    Object.defineProperty(copy, (typeof odd === 'string' ? odd : JSON.stringify(odd)).slice(0, 50), {
      value: inner,
      enumerable: true,
      configurable: true,
      writable: true,
    });
    return copy;
  }
  copy[key] = change(copy[key]!, steps.slice(1), odd, renames);
  return copy;
}

test(
  'a document that is odd somewhere',
  () => {
    let usable = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...documents),
        fc.array(
          fc.tuple(
            fc.array(fc.nat({ max: 30 }), { minLength: 1, maxLength: 8 }),
            fc.oneof(fc.constantFrom(...oddities), fc.jsonValue() as fc.Arbitrary<Json>),
            fc.boolean(),
          ),
          { minLength: 1, maxLength: 3 },
        ),
        (document, changes) => {
          let odd = document;
          for (const [steps, value, renames] of changes) odd = change(odd, steps, value, renames);
          let outline: ReturnType<typeof outlineOf>;
          try {
            outline = outlineOf({ text: JSON.stringify(odd) });
          } catch (error) {
            if (!(error instanceof DocumentFault)) throw error;
            return;
          }
          usable++;
          const { operations, origins, title = '', leftOut } = outline;
          for (const line of [title, ...leftOut]) {
            expect(line).not.toMatch(/\p{Cc}/u);
            expect(line.isWellFormed()).toBe(true);
          }
          checkNames(operations, 'operations');
          createMatcher(operations);
          for (const origin of [...origins, ...operations.flatMap((one) => one.origins ?? [])]) {
            const url = new URL(origin);
            expect([url.origin, url.protocol]).toEqual([origin, 'https:']);
          }
          for (const { name, effect, danger, parameters } of operations) {
            expect(name).toMatch(/^[A-Za-z0-9][A-Za-z0-9._/{}-]{0,199}$/);
            expect(effects).toContain(effect);
            expect(danger === undefined || typeof danger === 'string').toBe(true);
            for (const one of parameters) expect(typeof one.name).toBe('string');
          }
        },
      ),
      { numRuns: long ? 20_000 : 1000 },
    );
    expect(usable).toBeGreaterThan(100);
    expect(({} as { get?: unknown }).get).toBeUndefined();
  },
  long ? 600_000 : 60_000,
);
