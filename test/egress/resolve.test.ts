import { describe, expect, it } from 'vitest';
import { EgressError } from '../../runtime/egress/egress.ts';
import { createResolver } from '../../runtime/egress/resolve.ts';

const failure = (work: Promise<unknown>) =>
  work.then(
    () => 'resolved',
    (error: unknown) => (error instanceof EgressError ? `${error.reason}: ${error.message}` : String(error)),
  );

describe('a name is refused unless every address is public', () => {
  it.each([
    [['127.0.0.1']],
    [['8.8.8.8', '127.0.0.1']],
    [['169.254.169.254', '8.8.8.8']],
    [['2606:4700:4700::1111', '::1']],
    [['::ffff:8.8.8.8']],
    [['fe80::1%eth0']],
    [['127.1']],
    [['8.8.8.8', 'nonsense']],
    [new Array<string>(65).fill('8.8.8.8')],
  ])('%j', async (answer) => {
    const said = await failure(createResolver(async () => answer)('inside.example'));
    expect(said).toMatch(/^address_refused: /);
    // A guest could otherwise map the inside by asking for names.
    for (const address of answer) expect(said).not.toContain(address);
  });
});

it('asks once per call, and answers what it judged: a second answer is judged by itself', async () => {
  const answers = [['8.8.8.8'], ['127.0.0.1'], ['2001:4860:4860::8888', '9.9.9.9']];
  let asked = 0;
  const resolve = createResolver(async () => answers[asked++] as string[]);
  expect(await resolve('rebind.example')).toEqual([{ address: '8.8.8.8', family: 4 }]);
  expect(asked).toBe(1);
  expect(await failure(resolve('rebind.example'))).toMatch(/^address_refused/);
  expect(await resolve('rebind.example')).toEqual([
    { address: '2001:4860:4860:0:0:0:0:8888', family: 6 },
    { address: '9.9.9.9', family: 4 },
  ]);
  expect(asked).toBe(3);
});

it('an answer that changes after it was judged changes nothing', async () => {
  const answer = ['8.8.8.8'];
  const judged = await createResolver(async () => answer)('a.example');
  answer[0] = '127.0.0.1';
  expect(judged).toEqual([{ address: '8.8.8.8', family: 4 }]);
});

it('no address, a broken resolver and one that never answers are failures of the upstream', async () => {
  expect(await failure(createResolver(async () => [])('a.example'))).toBe(
    'upstream: the host a.example has no address',
  );
  const broken = createResolver(async () => Promise.reject(new Error('SERVFAIL at 10.0.0.2')));
  expect(await failure(broken('a.example'))).toBe('upstream: the host a.example cannot be resolved');
  const silent = createResolver(() => new Promise(() => {}), { timeoutMs: 20 });
  expect(await failure(silent('a.example'))).toBe('upstream: the host a.example cannot be resolved');
});

it('the resolver of the machine leads localhost nowhere', async () => {
  expect(await failure(createResolver()('localhost'))).toMatch(/^address_refused/);
});
