/** Bodies that come piece by piece, as the guest's library gives them to programs: a service of pieces stands for the host. */
import { describe, expect, test } from 'vitest';
import { run } from './harness.ts';
import { get, service, three, value } from './piece-service.ts';

describe('the body of a response is read', () => {
  test.each([
    ['text', 'await response.text()', 'one two three'],
    ['bytes', 'const bytes = await response.bytes(); [bytes.length, bytes[4]]', [13, 116]],
    ['an ArrayBuffer', '(await response.arrayBuffer()).byteLength', 13],
    [
      'a Blob',
      'const blob = await response.blob(); [blob.size, blob.type, await blob.text()]',
      [13, 'text/plain', 'one two three'],
    ],
    [
      'pieces of for await',
      'const got = []; for await (const chunk of response.body) got.push(new TextDecoder().decode(chunk)); got',
      ['one ', 'two ', 'three'],
    ],
    [
      'pieces of a reader',
      'const reader = response.body.getReader(); const got = []; for (;;) { const { done, value } = await reader.read(); if (done) break; got.push(value.length) } got',
      [4, 4, 5],
    ],
    [
      'text through a decoder',
      'let text = ""; for await (const part of response.body.pipeThrough(new TextDecoderStream())) text += part + "|"; text',
      'one |two |three|',
    ],
    [
      'bytes into a buffer of the reader',
      'const reader = response.body.getReader({ mode: "byob" }); const { value } = await reader.read(new Uint8Array(3)); new TextDecoder().decode(value)',
      'one',
    ],
    [
      'an iterator',
      'const got = []; for await (const part of response.body.values()) got.push(part instanceof Uint8Array); got',
      [true, true, true],
    ],
    [
      'both halves of a copy',
      'const copy = response.clone(); [copy.url, await copy.text(), await response.text()]',
      ['https://a.b/', 'one two three', 'one two three'],
    ],
    [
      'a stream that was piped into another',
      'const got = []; await response.body.pipeTo(new WritableStream({ write(chunk) { got.push(chunk.length) } })); got',
      [4, 4, 5],
    ],
    [
      'a new response',
      'await new Response(response.body, { headers: { "content-type": "a/b" } }).text()',
      'one two three',
    ],
  ])('as %s', async (_as, code, expected) => {
    expect(await value(`${get} ${code}`)).toEqual(expected);
  });

  test('as JSON', async () => {
    expect(
      await value(
        `${get} await response.json()`,
        service(() => ['{"a":', '[1,2]', '}']),
      ),
    ).toEqual({ a: [1, 2] });
  });

  test('once: used and locked bodies say so', async () => {
    const code = `${get} const seen = [response.bodyUsed];
      const tell = async (work) => { try { await work(); seen.push('read') } catch (error) { seen.push(error.name) } };
      await tell(() => response.text()); seen.push(response.bodyUsed, response.body.locked);
      await tell(() => response.text()); await tell(async () => response.clone());
      const other = await fetch('https://a.b/'); const reader = other.body.getReader(); seen.push(other.bodyUsed);
      await tell(() => other.text()); await reader.read(); seen.push(other.bodyUsed); reader.releaseLock();
      await tell(() => other.text()); seen`;
    expect(await value(code)).toEqual([
      false,
      'read',
      true,
      true,
      'TypeError',
      'TypeError',
      false,
      'TypeError',
      true,
      'TypeError',
    ]);
  });

  test('one call a piece, and none when it came with the head', async () => {
    const pieces = three();
    await value(`${get} await response.text()`, pieces);
    expect([pieces.told.fetches.length, pieces.told.reads]).toEqual([1, 2]);
    const whole = service(() => ['whole']);
    expect(await value(`${get} [await response.text()]`, whole)).toEqual(['whole']);
    expect(whole.told.reads).toBe(0);
  });

  test('only as far as the program reads', async () => {
    const endless = service(() => Array(1000).fill('x'));
    expect(
      await value(
        `${get} const reader = response.body.getReader(); await reader.read(); (await reader.read()).value.length`,
        endless,
      ),
    ).toBe(1);
    expect(endless.told.reads).toBe(1);
  });

  test('while the service still sends', async () => {
    const later = Promise.withResolvers<string>();
    const slow = service(() => ['data: 1\n\n', later.promise]);
    const host = {
      ...slow.host,
      'memory.set': () => {
        later.resolve('data: 2\n\n');
        return 1;
      },
    };
    // The second piece comes only when the program has told of the first.
    const code = `import { memory } from 'cordon'; ${get} const got = [];
      for await (const part of response.body.pipeThrough(new TextDecoderStream())) { got.push(part); await memory.set('seen', got.length) } got`;
    expect(await value(code, { host })).toEqual(['data: 1\n\n', 'data: 2\n\n']);
  });
});

describe('a body without a stream', () => {
  test('of bytes that are in memory can be one', async () => {
    expect(
      await value(`const got = []; for (const body of ['abc', new Uint8Array([97, 98]), new Blob(['x'])])
        for await (const chunk of new Response(body).body) got.push(chunk.length);
        for await (const chunk of new Blob(['wxyz']).stream()) got.push(chunk.length);
        [got, new Response().body, new Response('').body !== null, await new Response().text()]`),
    ).toEqual([[3, 2, 1, 4], null, true, '']);
  });

  test('is none where the status has none, and its call ends', async () => {
    const none = service(() => ['', 'x'], 204);
    expect(await value(`${get} [response.status, response.body, await response.text()]`, none)).toEqual([
      204,
      null,
      '',
    ]);
    expect(none.told.cancelled).toEqual([1]);
  });

  test('is empty where nothing came', async () => {
    expect(
      await value(
        `${get} [response.body !== null, await response.text()]`,
        service(() => []),
      ),
    ).toEqual([true, '']);
  });
});

describe('streams of the program', () => {
  test('are bodies of responses and of requests', async () => {
    const echo = service(() => ['ok']);
    const code = `const stream = () => new ReadableStream({ start(c) { c.enqueue(new TextEncoder().encode('a')); c.enqueue(new TextEncoder().encode('b')); c.close() } });
      const texts = [await new Response(stream()).text()];
      await fetch('https://a.b/', { method: 'POST', body: stream(), duplex: 'half' });
      async function* parts() { yield new Uint8Array([99]); }
      await fetch(new Request('https://a.b/', { method: 'POST', body: parts(), duplex: 'half' }));
      try { await new Response(new ReadableStream({ start(c) { c.enqueue('text'); c.close() } })).text() } catch (error) { texts.push(error.name) }
      const locked = stream(); locked.getReader(); try { new Response(locked) } catch (error) { texts.push(error.name) }
      texts`;
    expect(await value(code, echo)).toEqual(['ab', 'TypeError', 'TypeError']);
    expect(echo.told.sent).toEqual(['ab', 'c']);
  });

  test('transform', async () => {
    expect(
      await value(`const upper = new TransformStream({ transform: (chunk, c) => c.enqueue(chunk.toUpperCase()) });
        const source = ReadableStream.from(['\\ud83d', '\\ude00 a', 'é']).pipeThrough(new TextEncoderStream());
        const cut = new TransformStream({ transform(chunk, c) { for (const byte of chunk) c.enqueue(new Uint8Array([byte])) } });
        let text = ''; for await (const part of source.pipeThrough(cut).pipeThrough(new TextDecoderStream()).pipeThrough(upper)) text += part;
        [text, new TextDecoderStream('latin1').encoding, new CountQueuingStrategy({ highWaterMark: 2 }).size(), Object.keys(globalThis).includes('ReadableStream')]`),
    ).toEqual(['😀 AÉ', 'windows-1252', 1, false]);
  });

  test('can be replaced like any global', async () => {
    expect(await value('globalThis.ReadableStream = 1; ReadableStream')).toBe(1);
  });
});

test('a run loads the streams only when it touches them', async () => {
  const loaded = async (code: string) => (await run(code, { path: '/workspace/main.js', host: three().host })).bundles;
  expect(await loaded('1')).toEqual([]);
  expect(await loaded(`${get} await response.text()`)).not.toContain('streams');
  expect(await loaded('new Response("a"), new Blob(["a"]), typeof fetch')).not.toContain('streams');
  expect(await loaded(`${get} response.body`)).toContain('streams');
  expect(await loaded('new TransformStream()')).toContain('streams');
});
