/** How programs of the image `node` find the way out: at their first call, and not before. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ProxyRun, startProxyRun } from '../../egress/proxy-run.ts';
import { openNodeGuest } from './node-guest-bench.ts';

let guest: Awaited<ReturnType<typeof openNodeGuest>>;
let proxied: ProxyRun;
let env: Record<string, string>;
beforeAll(async () => {
  [guest, proxied] = await Promise.all([openNodeGuest(), startProxyRun()]);
  proxied.answer(({ url, method }) => ({ body: `${method} ${url}` }));
  // As the supervisor sets them for this harness.
  const { PATH, NODE_USE_ENV_PROXY, ...given } = proxied.env;
  env = given;
});
afterAll(async () => {
  guest?.close();
  await proxied?.close();
});

const run = (code: string) => guest.run('javascript', code, { env });
const text = `const text = async (response) => { let all = ''; for await (const part of response) all += part; return all; };`;

describe('a program of Node.js', () => {
  test.each([
    ['fetch', `await (await fetch('https://a.example/x')).text()`],
    ['fetch of a Request', `await (await fetch(new Request('https://a.example/x'))).text()`],
    [
      'node:https, imported',
      `import { get } from 'node:https'; ${text} await new Promise((done) => get('https://a.example/x', (r) => done(text(r))))`,
    ],
    [
      'https, required',
      `${text} module.exports = new Promise((done) => require('https').get('https://a.example/x', (r) => done(text(r))))`,
    ],
    [
      'an agent of its own',
      `import https, { Agent } from 'node:https'; ${text}
const agent = new Agent({ keepAlive: true }), other = new https.Agent();
if (!(agent instanceof https.Agent)) throw new Error('no Agent');
const get = (agent) => new Promise((done, fail) => https.get('https://a.example/x', { agent }, (r) => done(text(r))).on('error', fail));
const all = [await get(agent), await get(other)]; agent.destroy(); all[0] === all[1] && all[0]`,
    ],
    [
      'a worker thread',
      `import { Worker } from 'node:worker_threads';
const worker = new Worker("fetch('https://a.example/x').then(async (r) => require('node:worker_threads').parentPort.postMessage(await r.text()))", { eval: true });
await new Promise((done, fail) => worker.on('message', done).on('error', fail))`,
    ],
    [
      'a process that it starts',
      `import { execFile } from 'node:child_process';
const code = "fetch('https://a.example/x').then(async (r) => console.log(await r.text()))";
await new Promise((done, fail) => execFile(process.execPath, ['-e', code], (error, out) => error ? fail(error) : done(out.trim())))`,
    ],
  ])('calls with %s', async (_, code) => {
    const { end, stderr } = await run(code);
    expect(stderr).toBe('');
    expect(end).toMatchObject({ status: 'succeeded', result: 'GET https://a.example/x' });
  });

  test('that calls nothing has not loaded what calls', async () => {
    const { end } = await run(
      `export default [process.moduleLoadList.filter((name) => / (internal\\/deps\\/undici\\/undici|https?)$/.test(name)), fetch.name, fetch.length]`,
    );
    expect(end.result).toEqual([[], 'fetch', 1]);
  });

  test('reaches its own servers without the proxy', async () => {
    const before = proxied.asked.length;
    const { end, stderr } = await run(
      `import { createServer } from 'node:http';
const server = createServer((_, response) => response.end('its own')).listen(0, '127.0.0.1');
await new Promise((done) => server.once('listening', done));
const own = await (await fetch('http://127.0.0.1:' + server.address().port)).text();
server.close(); server.closeAllConnections();
own`,
    );
    expect(stderr).toBe('');
    expect([end.result, proxied.asked.length - before]).toEqual(['its own', 0]);
  });

  test('without a proxy has its fetch as Node.js made it', async () => {
    const { end } = await guest.run(
      'javascript',
      `export default [process.env.NODE_USE_ENV_PROXY ?? null, await fetch('https://127.0.0.1:65535/').catch((error) => error.cause.code)]`,
    );
    expect(end.result).toEqual([null, 'ECONNREFUSED']);
  });
});
