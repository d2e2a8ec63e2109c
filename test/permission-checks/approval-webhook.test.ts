import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type { Approval } from '../../runtime/permission/approval.ts';
import { createApprovalWebhook } from '../../runtime/permission/approval-webhook.ts';
import { createLog } from '../../runtime/telemetry/log.ts';

/** A webhook that answers with these statuses, one after the other, and keeps the last one. */
async function startHook(...statuses: number[]) {
  const bodies: unknown[] = [];
  const paths: string[] = [];
  const waiting = new Map<number, () => void>();
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      bodies.push(JSON.parse(Buffer.concat(parts).toString()));
      paths.push(`${request.method} ${request.url} ${request.headers['content-type']}`);
      const status = statuses[Math.min(bodies.length, statuses.length) - 1] as number;
      response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end('ignored');
      waiting.get(bodies.length)?.();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const reached = (count: number) =>
    bodies.length >= count ? Promise.resolve() : new Promise<void>((resolve) => waiting.set(count, resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?token=hush`, bodies, paths, reached };
}

const approval: Approval = {
  id: 'apr_1',
  agent: 'reporter',
  run: 'run_1',
  grant: 'grt_1',
  connector: 'slack',
  operation: 'chat.postMessage',
  effect: 'send',
  method: 'POST',
  url: 'https://slack.example.com/api/chat.postMessage',
  urlSha256: 'aa',
  bodySha256: 'bb',
  status: 'waiting',
  createdAt: '2026-01-01T00:00:00.000Z',
  expiresAt: '2100-01-01T00:00:00.000Z',
};

function open(url: string, retryAfterMs = [5, 5, 5]) {
  const lines: { message: string; level: string; failure?: string; tries?: number }[] = [];
  const ended = Promise.withResolvers<void>();
  const log = createLog('debug', {
    write(line) {
      lines.push(JSON.parse(line));
      if (/not told/.test(line)) ended.resolve();
    },
  });
  const webhook = createApprovalWebhook({ url, log, retryAfterMs });
  onTestFinished(() => webhook.close());
  return { webhook, lines, gaveUp: ended.promise };
}

test('the webhook is told what waits, once, as the interface shows it', async () => {
  const hook = await startHook(204);
  const { webhook, lines } = open(hook.url);
  webhook.notify('default', approval);
  await hook.reached(1);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(hook.bodies).toEqual([{ type: 'approval_waiting', tenant: 'default', approval }]);
  expect(hook.paths).toEqual(['POST /hook?token=hush application/json']);
  expect(lines).toEqual([]);
});

test('a failure is logged without the address and tried again until it is taken', async () => {
  const hook = await startHook(500, 302, 200);
  const { webhook, lines } = open(hook.url);
  webhook.notify('default', approval);
  await hook.reached(3);
  expect(lines).toMatchObject([
    { level: 'warn', approval: 'apr_1', tries: 1, failure: 'status 500' },
    { level: 'warn', approval: 'apr_1', tries: 2, failure: 'status 302' },
  ]);
  // A redirect is no success, and is not followed.
  expect(new Set(hook.paths)).toEqual(new Set(['POST /hook?token=hush application/json']));
});

test('it is given up after the last try', async () => {
  const hook = await startHook(503);
  const { webhook, lines, gaveUp } = open(hook.url);
  webhook.notify('default', approval);
  await gaveUp;
  expect(hook.bodies.length).toBe(4);
  expect(lines.at(-1)).toMatchObject({ level: 'error', tries: 4 });
});

test('nobody listens: the reason is told, the token is not', async () => {
  const { webhook, lines, gaveUp } = open('http://127.0.0.1:1/hook?token=hush');
  webhook.notify('default', approval);
  await gaveUp;
  expect(lines.length).toBe(4);
  expect(JSON.stringify(lines)).not.toContain('hush');
  expect(lines[0]?.failure).not.toBe('');
});

test('what nobody can decide any more is not tried again', async () => {
  const hook = await startHook(500);
  const { webhook } = open(hook.url);
  webhook.notify('default', { ...approval, expiresAt: '2020-01-01T00:00:00.000Z' });
  await hook.reached(1);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(hook.bodies.length).toBe(1);
});

test('closing ends the tries', async () => {
  const hook = await startHook(500);
  const { webhook } = open(hook.url, [60_000]);
  webhook.notify('default', approval);
  await hook.reached(1);
  webhook.close();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(hook.bodies.length).toBe(1);
});
