import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { through } from '../../runtime/egress/byte-stream.ts';
import { createScrubber } from '../../runtime/egress/scrub.ts';
import { scrubbed } from './scrubbed.ts';

const token = 'xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOHcbrzqgy';

/** Cuts at the given places. */
function cut(bytes: Uint8Array, places: number[]): Uint8Array[] {
  const edges = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return edges.slice(1).map((edge, at) => bytes.subarray(edges[at], edge));
}

const hex2 = (byte: number) => byte.toString(16).padStart(2, '0');
const bytesOf = (secret: string) => [...Buffer.from(secret)];

/** Each takes a secret and a source of choices. */
const spellings: Record<string, (secret: string, choose: () => number) => string> = {
  'as it is': (secret) => secret,
  'percent-encoded in full, upper case': (secret) =>
    bytesOf(secret)
      .map((byte) => `%${hex2(byte).toUpperCase()}`)
      .join(''),
  'percent-encoded in part, either case': (secret, choose) =>
    bytesOf(secret)
      .map((byte) => {
        const encoded = [`%${hex2(byte)}`, `%${hex2(byte).toUpperCase()}`];
        // The percent sign itself is always encoded: otherwise nobody could read it back.
        return (
          byte === 0x25 ? encoded[choose() % 2] : [String.fromCharCode(byte), ...encoded][choose() % 3]
        ) as string;
      })
      .join(''),
  'as encodeURIComponent does it': (secret) => encodeURIComponent(secret),
  'in JSON': (secret) => JSON.stringify(secret).slice(1, -1),
  'in JSON, escaped in part': (secret, choose) =>
    [...secret]
      .map((character) => {
        const unicode = `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
        return [JSON.stringify(character).slice(1, -1), unicode, unicode.toUpperCase().replace('U', 'u')][choose() % 3];
      })
      .join(''),
  'in JSON in JSON': (secret) => JSON.stringify(JSON.stringify(secret)).slice(3, -3),
  'in JSON with slashes escaped': (secret) => JSON.stringify(secret).slice(1, -1).replaceAll('/', '\\/'),
  'in HTML': (secret, choose) =>
    [...secret]
      .map((character) => {
        const code = character.charCodeAt(0);
        return [character.replace('&', '&amp;').replace('<', '&lt;'), `&#${code};`, `&#x${code.toString(16)};`][
          choose() % 3
        ];
      })
      .join(''),
  'in hexadecimal': (secret) => Buffer.from(secret).toString('hex'),
  'in hexadecimal, upper case': (secret) => Buffer.from(secret).toString('hex').toUpperCase(),
};

describe(`a secret is found`, () => {
  it.each(Object.entries(spellings))('%s', async (_, spell) => {
    for (const secret of [token, 'p&"<>/\\+=% q1\'', 'sechs6']) {
      let turn = 0;
      const spelled = Buffer.from(
        spell(secret, () => turn++),
        'latin1',
      );
      const [before, after] = [Buffer.from('{"a": "'), Buffer.from('"}\n')];
      const expected = `{"a": "${'*'.repeat(spelled.length)}"}\n`;
      const whole = Buffer.concat([before, spelled, after]);
      expect((await scrubbed([secret], [whole])).toString('latin1')).toBe(expected);
      expect(
        (
          await scrubbed(
            [secret],
            [...whole].map((byte) => Uint8Array.of(byte)),
          )
        ).toString('latin1'),
      ).toBe(expected);
    }
  });

  it.each([0, 1, 2, 3, 4, 5])('in base64 with %i bytes before it', async (before) => {
    for (const secret of [token, 'sechs6', '~~~???>>>']) {
      for (const encoding of ['base64', 'base64url'] as const)
        for (const after of ['', 'a', 'ab', 'abc']) {
          const plain = Buffer.from(`${'u'.repeat(before)}${secret}${after}`);
          const encoded = plain.toString(encoding);
          const out = (await scrubbed([secret], [Buffer.from(`"${encoded}"`)])).toString();
          expect(out).toHaveLength(encoded.length + 2);
          // Whoever decodes what is left finds no three bytes of it at its place.
          const left = Buffer.from(out.slice(1, -1).replaceAll('*', 'A'), 'base64').subarray(before);
          for (let at = 0; at + 3 <= secret.length; at++)
            expect(left.toString('latin1').slice(at, at + 3)).not.toBe(secret.slice(at, at + 3));
        }
    }
  });

  it('in the header of Basic, percent-encoded too', async () => {
    const pair = Buffer.from('cordon@example.com:pässwörd/7').toString('base64');
    for (const written of [pair, encodeURIComponent(pair), pair.replaceAll('/', '\\/')]) {
      const out = (await scrubbed(['pässwörd/7'], [Buffer.from(`Basic ${written} `)])).toString();
      expect(out).toMatch(/^Basic [A-Za-z0-9+/]+\*{15,}[=%3D]* $/);
    }
  });

  it('with characters beyond ASCII', async () => {
    const secret = 'geheim-€-😀-ü';
    for (const written of [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)])
      expect((await scrubbed([secret], [Buffer.from(`<${written}>`)])).toString()).toMatch(/^<\*+>$/);
    const escaped = [...secret]
      .map(
        (c) =>
          [...c].length &&
          c
            .split('')
            .map((u) => `\\u${u.charCodeAt(0).toString(16).padStart(4, '0')}`)
            .join(''),
      )
      .join('');
    expect((await scrubbed([secret], [Buffer.from(`<${escaped}>`)])).toString()).toMatch(/^<\*+>$/);
  });

  it('many times, next to each other, and across each other', async () => {
    expect((await scrubbed(['abcdef'], [Buffer.from('abcdefabcdef-abcdeabcdef')])).toString()).toBe(
      '************-abcde******',
    );
    expect((await scrubbed(['abcabcabc'], [Buffer.from('abcabcabcabcab')])).toString()).toBe('************ab');
    expect((await scrubbed(['abcdefgh', 'efghijkl'], [Buffer.from('abcdefghijkl')])).toString()).toBe('*'.repeat(12));
    expect((await scrubbed(['abcdef', 'abcdefghij'], [Buffer.from('abcdefghix')])).toString()).toBe('******ghix');
  });

  it('a key of many lines, whole, by line, and in JSON', async () => {
    const lines = Array.from({ length: 26 }, (_, at) => Buffer.alloc(48, at * 7 + 1).toString('base64'));
    const key = `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
    for (const written of [key, JSON.stringify({ key }), key.replaceAll('\n', '\r\n'), encodeURIComponent(key)]) {
      const out = (await scrubbed([key], cut(Buffer.from(written), [100, 777, 1300]))).toString();
      for (const line of lines) expect(out).not.toContain(line.slice(0, 8));
      expect(out).toHaveLength(written.length);
    }
    const encoded = Buffer.from(key).toString('base64');
    const left = Buffer.from(
      (await scrubbed([key], [Buffer.from(encoded)])).toString().replaceAll('*', '~'),
      'base64',
    ).toString('latin1');
    for (const line of lines) expect(left).not.toContain(line.slice(8, 16));
  });

  it('a part of a long secret', async () => {
    const long = Array.from({ length: 40 }, (_, at) => `part${at}of40`).join('/');
    const out = (await scrubbed([long], [Buffer.from(long.slice(0, 300))])).toString();
    expect(out.slice(0, 190)).toBe('*'.repeat(190));
  });
});

it('the bytes that were given stay as they are', async () => {
  const given = Buffer.from(`<${token}>`);
  await scrubbed([token], [given]);
  expect(given.toString()).toBe(`<${token}>`);
});

describe('what is no secret', () => {
  it('stays, byte for byte', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 300 }),
        fc.array(fc.nat(), { maxLength: 6 }),
        async (bytes, places) => {
          expect(await scrubbed([token], cut(bytes, places))).toEqual(Buffer.from(bytes));
        },
      ),
    );
  });

  it('goes on at once: a stream of events does not wait for its next one', async () => {
    const event = Buffer.from('data: {"delta":"Hello \\"world\\" 100% & more"}\n\n');
    const never = new Promise<never>(() => {});
    const source = (async function* () {
      yield event;
      await never;
    })();
    const first = await through(source, createScrubber([token]).stage())
      [Symbol.asyncIterator]()
      .next();
    expect(Buffer.from(first.value as Uint8Array).toString()).toBe(event.toString());
  });

  it('is not mistaken: what only begins like the secret comes out when that is clear', async () => {
    for (const text of [
      'xoxb-1765',
      'xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOHcbrzqgz',
      '%78%6f%7',
      '&',
      '\\',
      '%',
    ])
      expect(
        (
          await scrubbed(
            [token],
            [...text].map((c) => Buffer.from(c)),
          )
        ).toString(),
      ).toBe(text);
  });

  it('and secrets of fewer than six bytes are not looked for', async () => {
    expect((await scrubbed(['x', '', 'abcde'], [Buffer.from('x abcde')])).toString()).toBe('x abcde');
    expect(createScrubber([]).text('anything')).toBe('anything');
  });
});

it('texts of headers', () => {
  const { text } = createScrubber([token]);
  expect(text(`Bearer ${token}`)).toBe(`Bearer ${'*'.repeat(token.length)}`);
  expect(text(`https://a.example/?token=${encodeURIComponent(token)}&x=1`)).toBe(
    `https://a.example/?token=${'*'.repeat(token.length)}&x=1`,
  );
  expect(text('caf\u00e9')).toBe('caf\u00e9');
  expect(text('€')).toBe('€');
  expect(text('')).toBe('');
  const { fields } = createScrubber([token]);
  expect(fields([['x-a', 'b']])).toEqual([['x-a', 'b']]);
  expect(
    fields([
      ['x-a', `b ${token}`],
      [token, 'c'],
    ]),
  ).toEqual([
    ['x-a', `b ${'*'.repeat(token.length)}`],
    ['*'.repeat(token.length), 'c'],
  ]);
});

const secret = fc.string({ unit: fc.constantFrom(...'abAB01-_+/=%&\\"<. é'), minLength: 8, maxLength: 120 });
const spelling = fc.constantFrom(...Object.keys(spellings).filter((name) => name !== 'in JSON in JSON'));

it('property: in any spelling and any chunks, no eight characters of the secret are left', async () => {
  await fc.assert(
    fc.asyncProperty(
      secret.filter((text) => Buffer.from(text.trim()).length >= 8),
      spelling,
      fc.infiniteStream(fc.nat(2)),
      fc.array(fc.nat(), { maxLength: 12 }),
      fc.oneof(
        fc.string({ maxLength: 20 }),
        fc.constantFrom('\\', '%', '%6', '&', '&#', '&am', '\\u00', '\\x', '\\\\'),
      ),
      async (given, how, choices, places, around) => {
        const choose = () => choices.next().value as number;
        const spelled = (spellings[how] as (typeof spellings)[string])(given.trim(), choose);
        const whole = Buffer.from(`${around}${spelled}${around}`, how.startsWith('percent') ? 'latin1' : 'utf8');
        const out = await scrubbed([given], cut(whole, places));
        expect(out).toHaveLength(whole.length);
        // Eight characters of what was written there, and not the stars that a secret may itself hold.
        const left = out.toString('latin1');
        const written = Buffer.from(spelled, how.startsWith('percent') ? 'latin1' : 'utf8').toString('latin1');
        const start = Buffer.from(around, how.startsWith('percent') ? 'latin1' : 'utf8').length;
        // Of an escape at its edge a part may stay, when what stands around can be read with it in another way.
        const [, before, after] = /^(.{0,5}?)\*+(.{0,5}?)$/s.exec(left.slice(start, start + written.length)) ?? [];
        expect([before, after]).toEqual([
          expect.stringMatching(/^(?:|[\\%&].*)$/s),
          expect.stringMatching(/^(?:|[\\%&0-9a-z;]+)$/i),
        ]);
      },
    ),
    { numRuns: 2000 },
  );
});

it('property: chunks change nothing', async () => {
  const piece = fc.constantFrom(
    ...['abcdef', 'abc', 'def', 'ABCDEF', '%61', '%6', '\\', '\\u0061', '\\u00', '&amp;', '&', '%', 'YWJjZGVm', 'YWJj'],
    ...['616263646566', '6162', 'a', '"', ' ', 'bcdef', '%2561', '\\\\u0061'],
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { maxLength: 14 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      async (pieces, places) => {
        const whole = Buffer.from(pieces.join(''));
        const secrets = ['abcdef', 'defabc', '\\abcde', 'aaaaaa', 'ab%61cd'];
        const [at, once] = [await scrubbed(secrets, cut(whole, places)), await scrubbed(secrets, [whole])];
        // More may be hidden where an escape was cut, never less.
        for (const [index, byte] of at.entries()) if (byte !== 0x2a) expect(byte).toBe(once[index]);
        expect(at).toHaveLength(once.length);
      },
    ),
    { numRuns: 5000 },
  );
});
