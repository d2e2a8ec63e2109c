/** Memory and time of the service that a guest, a tenant's admin or a service could use up: everyone shares them. */
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compileConnector } from '../../runtime/connector/compile-connector.ts';
import type { Connector, Operation } from '../../runtime/connector/connector.ts';
import { compileRpc } from '../../runtime/connector/mcp/match-body.ts';
import { createOutlineQueue } from '../../runtime/connector/openapi/outline-queue.ts';
import { readOutline } from '../../runtime/connector/openapi/read-outline.ts';
import { scrubbed } from '../egress/scrubbed.ts';
import { type Crm, crmHost, startCrm } from '../outbound/crm.ts';

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** How long the one thread of the service stands still where it has a core of its own, milliseconds. */
async function blocked(work: () => unknown): Promise<number> {
  const before = process.threadCpuUsage();
  await work();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}

test('a secret of backslashes does not take for ever to be looked for', async () => {
  // Each one may stand for itself or for half an escape: all ways of reading them are 2 to the power of their number.
  const ms = await blocked(() =>
    scrubbed([`${'\\'.repeat(22)}x1`], [Buffer.from(`${'\\'.repeat(48)}${'y'.repeat(99)}`)]),
  );
  expect(ms).toBeLessThan(5000);
}, 120_000);

test('a long secret whose pieces begin alike is looked for in good time', async () => {
  const secret = Array.from({ length: 680 }, (_, at) => 'a'.repeat(90) + String(at).padStart(6, '0')).join('');
  const ms = await blocked(() => scrubbed([secret], [Buffer.alloc(16 * 1024, 'a')]));
  expect(ms).toBeLessThan(1500);
}, 120_000);

test('a connector of many hosts takes no memory for each of them', () => {
  const origins = Array.from({ length: 50 }, (_, at) => `https://h${at}.example.com`);
  const rest = Array.from({ length: 38 }, (_, at) => `/s${at}`).join('');
  const operations = Array.from({ length: 200 }, (_, at): Operation => {
    return { name: `o${at}`, method: 'GET', path: `/p${at}${rest}`, effect: 'read', parameters: [], origins };
  });
  const connector = { id: 'c', tenant: 't', origins, operations, auth: { type: 'none' } } as unknown as Connector;
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  const compiled = compileConnector(connector);
  collectGarbage();
  const used = process.memoryUsage().heapUsed - before;
  expect(compiled.match('GET', new URL(`https://h49.example.com/p199${rest}`)).kind).toBe('operation');
  // A connector may have 25 times as many operations.
  expect(used / MiB).toBeLessThan(20);
}, 60_000);

test('a large message to an MCP server does not hold up the service', async () => {
  const body = Buffer.from(
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"a":[${'{"a":1},'.repeat(3_900_000)}0]}}}`,
  );
  expect(body.length).toBeLessThan(32 * MiB);
  const match = compileRpc([]);
  expect(await blocked(() => match(body))).toBeLessThan(2000);
}, 60_000);

test('documents of connectors are read a few at a time', async () => {
  const threads = () => readdirSync('/proc/self/task').length;
  const paths = Array.from({ length: 3000 }, (_, at) => `  /p${at}:\n    get: {operationId: o${at}, responses: {}}\n`);
  const text = `openapi: 3.0.0\npaths:\n${paths.join('')}`;
  const documents = createOutlineQueue();
  const before = threads();
  const reading = Promise.allSettled(
    Array.from({ length: 12 }, () => documents.run('one', () => readOutline({ text }))),
  );
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, threads());
  }, 20);
  await reading;
  clearInterval(timer);
  // Each may take 512 MiB and a core for half a minute.
  expect(most - before).toBeLessThanOrEqual(4);
}, 120_000);

let crm: Crm;
beforeAll(async () => {
  crm = await startCrm(({ path }) => (path.startsWith('/v1/contacts/large') ? { body: large() } : undefined));
  await crm.agent('hoarder', [
    { operations: ['contacts.create'], requiresApproval: true },
    { operations: ['contacts.get'] },
  ]);
}, 60_000);
afterAll(() => crm.close());

async function* large() {
  for (let sent = 0; sent < 30; sent++) yield Buffer.alloc(MiB, 'x');
  // The last byte never comes: what was read so far stays where it is.
  await sleep(60_000, undefined, { ref: false });
}

/** The most memory outside of the heap that this process came to hold above where it began, while `work` went on. */
async function peak(work: Promise<unknown>): Promise<number> {
  collectGarbage();
  const begin = process.memoryUsage().external;
  let most = 0;
  let isOver = false;
  void work.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    await sleep(200);
    collectGarbage();
    most = Math.max(most, process.memoryUsage().external - begin);
  }
  return most;
}

const hold = (url: string, method: string, bytes: number, count: number) => `
  const body = ${method === 'POST' ? `'x'.repeat(${bytes})` : 'undefined'};
  const all = Array.from({ length: ${count} }, () =>
    fetch('${url}', { method: '${method}', body }).then((response) => response.text(), () => undefined));
  await Promise.race([Promise.all(all), new Promise((resolve) => setTimeout(resolve, 8000))]);`;

test('bodies that wait for approval are not held without a bound', async () => {
  const code = hold(`https://${crmHost}/v1/contacts`, 'POST', 16 * MiB, 24);
  const limits = { egressBytes: 16 * GiB, ramBytes: GiB, wallMs: 20_000 };
  const most = await peak(crm.run('hoarder', code, { limits }));
  // 100 calls of each agent may wait, 32 MiB each, for ten minutes.
  // A body that is refused is there for a moment, too.
  expect(most / MiB).toBeLessThan(300);
}, 120_000);

test('responses that one run reads at once are not held without a bound', async () => {
  const code = hold(`https://${crmHost}/v1/contacts/large`, 'GET', 0, 24);
  const limits = { egressBytes: 16 * GiB, wallMs: 20_000 };
  const most = await peak(crm.run('hoarder', code, { limits }));
  expect(most / MiB).toBeLessThan(200);
}, 120_000);
