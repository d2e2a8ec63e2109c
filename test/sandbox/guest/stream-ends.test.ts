/** Bodies that end early, break, or are many: what the guest's library tells the program and the host. */
import { describe, expect, test } from 'vitest';
import { run } from './harness.ts';
import { HostError } from './host.ts';
import { get, service, three, value } from './piece-service.ts';

describe('a call ends early', () => {
  test('when the reader cancels', async () => {
    const pieces = three();
    expect(
      await value(
        `${get} await response.body.cancel(); const r = response.body.getReader(); (await r.read()).done`,
        pieces,
      ),
    ).toBe(true);
    expect(pieces.told.cancelled).toEqual([1]);
  });

  test('when a loop over it is left', async () => {
    const pieces = three();
    expect(await value(`${get} for await (const chunk of response.body) break; 1`, pieces)).toBe(1);
    expect(pieces.told.cancelled).toEqual([1]);
  });

  test('when its signal aborts while it is read', async () => {
    const never = service(() => ['one', new Promise<string>(() => {})]);
    const host = {
      ...never.host,
      async 'fetch.read'({ body }: any) {
        while (!never.told.cancelled.includes(body)) await new Promise((resolve) => setTimeout(resolve, 5));
        return { done: true };
      },
    };
    const code = `const abort = new AbortController(); const response = await fetch('https://a.b/', { signal: abort.signal });
      const seen = []; setTimeout(() => abort.abort(new Error('enough')), 10);
      try { for await (const chunk of response.body) seen.push(chunk.length) } catch (error) { seen.push(error.message) } seen`;
    expect(await value(code, { host })).toEqual([3, 'enough']);
    expect(never.told.cancelled).toEqual([1]);
  });

  test('when its signal aborts before there is a head', async () => {
    const told: unknown[] = [];
    let give = () => {};
    const host = {
      fetch: () =>
        new Promise((resolve) => {
          give = () => resolve({ status: 200, headers: [], body: 7 });
        }),
      'fetch.cancel': (args: unknown) => {
        told.push(args);
        give();
        return null;
      },
    };
    const code = `const abort = new AbortController(); setTimeout(() => abort.abort(), 10);
      const seen = []; try { await fetch('https://a.b/', { signal: abort.signal }) } catch (error) { seen.push(error.name) } seen[0]`;
    expect(await value(code, { host })).toBe('AbortError');
    // The head that came all the same has a body, which ends too.
    expect(told).toEqual([{ call: 1 }, { body: 7 }]);
  });

  test.each([
    ['EgressDenied', 'EGRESS_DENIED', undefined, 'failed'],
    ['EgressFailed', 'ECONNABORTED', undefined, 'failed'],
    ['QuotaExceeded', 'EDQUOT', 'egressBytes', 'limit_exceeded'],
  ])('with %s in the middle', async (name, code, limit, status) => {
    const broken = () => service(() => ['one', new HostError(name, 'no more of it', code, limit)]);
    const read = [
      'await response.text()',
      'for await (const chunk of response.body);',
      'await response.clone().text()',
    ];
    for (const way of read) {
      const told = `${get} let seen; try { ${way} } catch (error) { seen = [error.name, error.message, error.code, error instanceof Error] } seen`;
      expect(await value(told, broken())).toEqual([name, 'no more of it', code, true]);
      const ended = await run(`${get} ${way}`, { path: '/workspace/main.js', host: broken().host });
      expect([ended.status, ended.error?.name, ended.error?.limit]).toEqual([status, name, limit]);
    }
  });
});

describe('many calls at once', () => {
  const many = (count: number, then: string) =>
    `const all = await Promise.all(Array.from({ length: ${count} }, (_, n) => fetch('https://a.b/' + n))); ${then}`;

  test('wait for a place, and what nobody reads makes one', async () => {
    const pieces = service((n) => [`head ${n} `, 'rest']);
    const texts = await value(
      many(200, 'const texts = []; for (const one of all) texts.push(await one.text()); texts.length + texts[199]'),
      pieces,
    );
    expect(texts).toMatch(/^200head \d+ rest$/);
    expect(pieces.told.most).toBeLessThanOrEqual(48);
  });

  test('of which the program reads the status only end too', async () => {
    const pieces = service(() => ['head ', 'rest']);
    const code = `let ok = 0; for (let n = 0; n < 120; n++) if ((await fetch('https://a.b/')).ok) ok++; ok`;
    expect(await value(code, pieces)).toBe(120);
    expect(pieces.told.most).toBeLessThanOrEqual(48);
  });

  test('of which one gives up while it waits', async () => {
    const pieces = service(() => ['head ', 'rest']);
    const code = `const abort = new AbortController(); const kept = [];
      for (let n = 0; n < 48; n++) kept.push(await fetch('https://a.b/'));
      const waiting = fetch('https://a.b/', { signal: abort.signal }); abort.abort();
      const seen = []; try { await waiting } catch (error) { seen.push(error.name) }
      await kept[0].text(); seen.push((await fetch('https://a.b/')).status); seen`;
    expect(await value(code, pieces)).toEqual(['AbortError', 200]);
    expect(pieces.told.fetches.length).toBe(49);
  });
});
