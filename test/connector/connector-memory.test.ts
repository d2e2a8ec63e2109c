/** A connector as large as it may be is no danger to the service: what is kept ready is bounded, and read once for all who ask. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { createTenants } from '../../runtime/agent/tenants.ts';
import { createAudit } from '../../runtime/audit/audit.ts';
import { readCatalog } from '../../runtime/connector/catalog.ts';
import type { Operation } from '../../runtime/connector/connector.ts';
import type { ConnectorInput } from '../../runtime/connector/connector-input.ts';
import { memoryOf } from '../../runtime/connector/connector-memory.ts';
import { createConnectors, MAXIMUM_TENANT_MEMORY } from '../../runtime/connector/connectors.ts';
import { createMatcher } from '../../runtime/connector/operation-matcher.ts';
import type { CordonError } from '../../runtime/errors.ts';
import type { Store } from '../../runtime/store/store.ts';
import { manualClock, scratchStore } from '../store/scratch.ts';
import { operation } from './operation.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const by = { key: 'key_admin', isOperator: false };
/** Its tree has a node for each segment: 5,000 times 39. */
const deep = Array.from({ length: 38 }, (_, at) => `/s${at}`).join('');
const largest = (count = 5000, more: Partial<Operation> = {}) =>
  Array.from({ length: count }, (_, at) => operation('GET', `/p${at}${deep}`, `o${at}`, more));
const patterns = Array.from({ length: 10 }, (_, at) => `/{a${at}}x{b${at}}`).join('');

test.each<[string, () => Operation[]]>([
  ['many segments', () => largest(2000)],
  ['many patterns', () => Array.from({ length: 1000 }, (_, at) => operation('GET', `/p${at}${patterns}`, `o${at}`))],
  [
    'many parameters',
    () => {
      const parameters = Array.from({ length: 200 }, (_, at) => ({ name: `field${at}`, in: 'body' as const }));
      return Array.from({ length: 500 }, (_, at) => operation('GET', `/p${at}`, `o${at}`, { parameters }));
    },
  ],
])(
  '%s take no more memory than they are counted for',
  (_, make) => {
    const text = JSON.stringify(make());
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    const operations = JSON.parse(text) as Operation[];
    const matcher = createMatcher(operations);
    collectGarbage();
    const used = process.memoryUsage().heapUsed - before;
    expect(matcher.match('GET', '/', '').kind).toBe('none');
    expect(used).toBeLessThan(memoryOf(operations) + 1024 * 1024);
    // Nor much less: a tenant's share is no smaller than it says.
    expect(used).toBeGreaterThan(memoryOf(operations) / 4);
  },
  60_000,
);

test('every entry of the catalog takes little of a tenant', () => {
  const catalog = readCatalog();
  for (const name of catalog.names()) {
    const operations = catalog.entry(name)!.operations.map((one) => ({ parameters: [], ...one }) as Operation);
    expect(memoryOf(operations), name).toBeLessThan(MAXIMUM_TENANT_MEMORY / 50);
  }
});

async function setUp(store: Store) {
  const clock = manualClock();
  await createTenants({ store, clock }).ensureDefault();
  const audit = createAudit({ store, clock });
  const fetchDocument = () => Promise.reject(new Error('nothing is fetched here'));
  const connectors = createConnectors({ store, clock, audit, catalog: readCatalog(), fetchDocument });
  const create = (id: string, operations: Operation[]) =>
    connectors.create('default', input(id, operations), by).then(
      () => 'made',
      (error: CordonError) => `${error.code} ${error.details.quota?.name}`,
    );
  return { connectors, create };
}
const input = (id: string, operations: Operation[]): ConnectorInput =>
  ({ id, auth: { type: 'bearer' }, hosts: ['svc.example'], operations }) as unknown as ConnectorInput;

test('connectors of one tenant cannot fill the memory of the service', async () => {
  const { connectors, create } = await setUp(await scratchStore());
  const each = memoryOf(largest());
  const fit = Math.floor(MAXIMUM_TENANT_MEMORY / each);
  expect(fit).toBeGreaterThanOrEqual(1);
  for (let at = 0; at < fit; at++) expect(await create(`c${at}`, largest())).toBe('made');
  expect(await create('more', largest())).toBe('quota_exceeded connectorMemory');
  expect(await create('small', largest(3))).toBe('made');
  await expect(connectors.replace('default', 'small', input('small', largest()), by)).rejects.toMatchObject({
    code: 'quota_exceeded',
  });
  expect((await connectors.get('default', 'small')).operations).toHaveLength(3);
  await connectors.replace('default', 'c0', input('c0', largest(3)), by);
  expect(await create('more', largest(4000))).toBe('made');
  expect(await connectors.forOrigin('default', 'https://svc.example')).toHaveLength(fit + 2);
  // The count is nobody's to see.
  expect(Object.keys(await connectors.get('default', 'small'))).not.toContain('memory');
  expect(Object.keys((await connectors.list('default', { limit: 5 })).items[0]!)).not.toContain('memory');
}, 120_000);

test('calls that come at once read a large connector once', async () => {
  const store = await scratchStore();
  const { create } = await setUp(store);
  await create('c', largest(500));
  let reads = 0;
  const counting: Store = {
    ...store,
    transaction: (...given: Parameters<Store['transaction']>) => {
      reads++;
      return store.transaction(...given) as never;
    },
  };
  const { connectors } = await setUp(counting);
  const begun = reads;
  const found = await Promise.all(
    Array.from({ length: 50 }, () => connectors.forOrigin('default', 'https://svc.example')),
  );
  expect(reads - begun).toBe(1);
  expect(new Set(found.map(([one]) => one)).size).toBe(1);
}, 60_000);
