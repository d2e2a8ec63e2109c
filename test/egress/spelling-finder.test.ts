import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isCut, isIntroducer, lengthOf, readEscape, writeEscape } from '../../runtime/egress/escape.ts';
import { readThroughEscapes } from '../../runtime/egress/read-through-escapes.ts';
import { createScrubber } from '../../runtime/egress/scrub.ts';
import type { Spelling } from '../../runtime/egress/secret-spellings.ts';
import { createSpellingFinder } from '../../runtime/egress/spelling-finder.ts';
import { createSpellingTree } from '../../runtime/egress/spelling-tree.ts';
import { scrubbed } from './scrubbed.ts';

const few = (letters: string, minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...letters), minLength, maxLength });
const spellings = (letters: string) =>
  fc
    .uniqueArray(few(letters, 4, 9), { minLength: 1, maxLength: 12 })
    .chain((texts) => fc.tuple(...texts.map((text) => fc.boolean().map((leaksIntoNext) => ({ text, leaksIntoNext })))))
    .map((all): Spelling[] => all.map(({ text, leaksIntoNext }) => ({ bytes: Buffer.from(text), leaksIntoNext })));
const textOf = ({ bytes }: Spelling) => Buffer.from(bytes).toString();

it('property: it finds at each end the longest spelling, and the longest that leaks', () => {
  fc.assert(
    fc.property(spellings('ab'), few('abc', 0, 60), (all, text) => {
      const found: string[] = [];
      createSpellingFinder(all).find(Buffer.from(text), (start, end, spelling) =>
        found.push(`${start}-${end} ${textOf(spelling)} ${spelling.leaksIntoNext}`),
      );
      const expected: string[] = [];
      for (let end = 1; end <= text.length; end++) {
        const here = all
          .filter((one) => text.slice(0, end).endsWith(textOf(one)))
          .sort((a, b) => b.bytes.length - a.bytes.length);
        for (const one of new Set([here[0], here.find(({ leaksIntoNext }) => leaksIntoNext)]))
          if (one) expected.push(`${end - one.bytes.length}-${end} ${textOf(one)} ${one.leaksIntoNext}`);
      }
      expect(found).toEqual(expected);
    }),
    { numRuns: 3000 },
  );
});

it('property: the end is open from where a spelling may have begun', () => {
  fc.assert(
    fc.property(spellings('ab'), few('abc', 0, 30), (all, text) => {
      let expected = text.length;
      for (let start = text.length - 1; start >= 0; start--)
        if (all.some((one) => textOf(one).length > text.length - start && textOf(one).startsWith(text.slice(start))))
          expected = start;
      expect(createSpellingFinder(all).openFrom(Buffer.from(text))).toBe(expected);
    }),
    { numRuns: 3000 },
  );
});

/** All ways to read it, one after the other. Below 0: none. Beyond the end of `given`: it depends on what follows. */
function ends(given: Uint8Array, at: number, wanted: Uint8Array, isLast: boolean): number[] {
  if (wanted.length === 0) return [at];
  if (at >= given.length) return isLast ? [] : [given.length + 1];
  const plain = given[at] === wanted[0] ? ends(given, at + 1, wanted.subarray(1), isLast) : [];
  if (!isIntroducer(given[at] as number)) return plain;
  const read = readEscape(given, at);
  if (isCut(read)) return isLast ? plain : [...plain, given.length + 1];
  if (lengthOf(read) === 0) return plain;
  const said = new Uint8Array(4);
  const size = writeEscape(read, said, 0);
  const fits = Buffer.from(wanted.subarray(0, size)).equals(said.subarray(0, size));
  return fits ? [...plain, ...ends(given, at + lengthOf(read), wanted.subarray(size), isLast)] : plain;
}

it('property: through escapes it reads what trying all ways reads', () => {
  const piece = fc.constantFrom(
    '\\',
    '\\\\',
    'a',
    'b',
    '%',
    '%5c',
    '%61',
    '&amp;',
    '&',
    '\\u0061',
    '\\u005c',
    'x',
    '%2',
  );
  fc.assert(
    fc.property(spellings('\\ab%&'), fc.array(piece, { maxLength: 9 }), fc.boolean(), (all, pieces, isLast) => {
      const given = Buffer.from(pieces.join(''));
      const tree = createSpellingTree(all);
      const starts = [...given.keys()];
      const found = new Map<string, number>();
      let opened = given.length;
      readThroughEscapes(given, starts, tree, isLast, {
        found(start, end, spelling) {
          const key = `${textOf(spelling)} to ${end}`;
          found.set(key, Math.min(start, found.get(key) ?? start));
        },
        open(start) {
          opened = Math.min(opened, start);
        },
        unclear: () => expect.unreachable(),
      });
      const expected = new Map<string, number>();
      let expectedOpen = given.length;
      for (const start of starts)
        for (const one of all)
          for (const end of ends(given, start, one.bytes, isLast))
            if (end > given.length) expectedOpen = Math.min(expectedOpen, start);
            else if (!expected.has(`${textOf(one)} to ${end}`)) expected.set(`${textOf(one)} to ${end}`, start);
      expect(found).toEqual(expected);
      expect(opened).toBe(expectedOpen);
    }),
    { numRuns: 5000 },
  );
});

const scrubbedIn = (secret: string, body: Uint8Array, chunk = body.length): Promise<Buffer> =>
  scrubbed([secret], inChunks(body, chunk));

function* inChunks(body: Uint8Array, size: number) {
  for (let at = 0; at < body.length; at += size) yield body.subarray(at, at + size);
}

const numbered = (count: number, begin: string) =>
  Array.from({ length: count }, (_, at) => begin.repeat(96).slice(0, 90) + String(at).padStart(6, '0')).join('');
/** Pieces that one text of backslashes and letters can all be read as. */
const readings = Array.from({ length: 600 }, (_, at) =>
  [...at.toString(2).padStart(32, '0')].map((bit) => (bit === '1' ? '\\\\a' : '\\a')).join(''),
);
const lines = Array.from({ length: 88 }, (_, at) => 'a'.repeat(at + 8)).join('\n');

describe('twice the answer costs twice the time, whatever the secret', () => {
  it.each<[string, string, string]>([
    ['of backslashes', `${'\\'.repeat(90)}x1`, '\\'],
    ['of backslashes, escaped', `${'\\'.repeat(90)}x1`, '\\u005c'],
    ['of many pieces that begin alike', numbered(600, 'a'), 'a'],
    ['of many pieces that begin alike, escaped', numbered(600, 'a'), '%61'],
    ['of many pieces that begin alike, in the ends of escapes', numbered(600, 'a'), '%6a'],
    ['of percent signs', numbered(300, '%'), '%25'],
    ["of lines that are each other's beginning", lines, 'a'],
    ['of which one text is many pieces', readings.join('\n'), '\\\\a'],
  ])(
    '%s',
    async (_, secret, unit) => {
      const ms = async (size: number) => {
        const times: number[] = [];
        for (let turn = 0; turn < 3; turn++) {
          const before = performance.now();
          await scrubbedIn(secret, Buffer.alloc(size, unit), 16 * 1024);
          times.push(performance.now() - before);
        }
        return Math.min(...times);
      };
      await ms(1024);
      const [small, large] = [await ms(32 * 1024), await ms(128 * 1024)];
      expect(large).toBeLessThan(12 * small + 1000);
    },
    60_000,
  );

  it('and twice the secret costs no more for each byte', async () => {
    const ms = async (count: number) => {
      const scrubber = createScrubber([numbered(count, 'a')]);
      const text = Buffer.alloc(256 * 1024, 'a').toString();
      scrubber.text(text.slice(0, 4096));
      const before = performance.now();
      scrubber.text(text);
      return performance.now() - before;
    };
    await ms(10);
    expect(await ms(600)).toBeLessThan(8 * (await ms(60)) + 1000);
  }, 60_000);
});

it('where too many readings are possible all that may be the secret is covered', async () => {
  const piece = readings[599] as string;
  const written = Buffer.from(`<<${'\\\\a'.repeat(32)}>>`);
  for (const chunk of [1, 7, written.length]) {
    const out = (await scrubbedIn(readings.join('\n'), Buffer.concat([Buffer.from('%5'), written]), chunk)).toString();
    expect(out).toHaveLength(written.length + 2);
    expect(out).not.toContain(piece.slice(0, 8));
  }
});
