/** Connectors in the store: the record, and its operations beside it, so that lists need not read thousands of those. */
import type { Store, Transaction } from '../store/store.ts';
import type { Connector, Operation } from './connector.ts';
import { memoryOf } from './connector-memory.ts';
import type { ConnectorSummary } from './connectors.ts';

/** What is stored under ['connector', tenant, id]. */
type ConnectorRecord = Omit<ConnectorSummary, 'id' | 'tenant'> & { memory: number };

const BATCH = 20;
const recordKey = (tenant: string, id: string) => ['connector', tenant, id];
const operationsKey = (tenant: string, id: string) => ['connector-operations', tenant, id];
const ageKey = (tenant: string, id: string, createdAt: string) => ['connector-age', tenant, Date.parse(createdAt), id];

export const connectorRecords = {
  read(tx: Transaction, tenant: string, id: string): Connector | undefined {
    const record = tx.get<ConnectorRecord>(recordKey(tenant, id));
    const operations = tx.get<Operation[]>(operationsKey(tenant, id));
    return record && operations && toConnector(tenant, id, record.value, operations.value);
  },

  write(tx: Transaction, { id, tenant, operations, ...rest }: Connector): void {
    tx.put(operationsKey(tenant, id), operations);
    tx.put(ageKey(tenant, id, rest.createdAt), 0);
    const record: ConnectorRecord = { ...rest, operationCount: operations.length, memory: memoryOf(operations) };
    // Last: whoever watches the records finds the rest.
    tx.put(recordKey(tenant, id), record);
  },

  remove(tx: Transaction, { id, tenant, createdAt }: Connector): void {
    tx.delete(operationsKey(tenant, id));
    tx.delete(ageKey(tenant, id, createdAt));
    tx.delete(recordKey(tenant, id));
  },

  count: (tx: Transaction, tenant: string): number => tx.range({ prefix: ['connector-age', tenant] }).length,

  /** About how many bytes all of a tenant's take when they are ready for calls. */
  memory(tx: Transaction, tenant: string): number {
    const found = tx.range<ConnectorRecord>({ prefix: ['connector', tenant] });
    return found.reduce((sum, { value }) => sum + value.memory, 0);
  },

  /** Some of a tenant's; false: none was left. */
  removeSome(tx: Transaction, tenant: string): boolean {
    const found = tx.range<ConnectorRecord>({ prefix: ['connector', tenant], limit: BATCH });
    for (const { key, value } of found) {
      const id = String(key[2]);
      tx.delete(operationsKey(tenant, id));
      tx.delete(ageKey(tenant, id, value.createdAt));
      tx.delete(key);
    }
    return found.length > 0;
  },

  async load(store: Store, tenant: string, id: string): Promise<Connector | undefined> {
    // In one transaction: a change between two reads would pair a record with another's operations.
    return store.transaction((tx) => connectorRecords.read(tx, tenant, id));
  },

  async summary(store: Store, tenant: string, id: string): Promise<ConnectorSummary | undefined> {
    const found = await store.get<ConnectorRecord>(recordKey(tenant, id));
    if (!found) return undefined;
    const { memory: _, ...record } = found.value;
    return { id, tenant, ...record };
  },

  /** Which connectors of a tenant have which origins, oldest first. */
  async origins(store: Store, tenant: string): Promise<Map<string, string[]>> {
    const found = await store.range<ConnectorRecord>({ prefix: ['connector', tenant] });
    const ages = found.map(({ key, value }) => ({
      id: String(key[2]),
      origins: value.origins,
      createdAt: value.createdAt,
    }));
    const byOrigin = new Map<string, string[]>();
    for (const { id, origins } of ages.sort((a, b) =>
      a.createdAt < b.createdAt ? -1 : a.createdAt > b.createdAt ? 1 : 0,
    ))
      for (const origin of origins) byOrigin.set(origin, [...(byOrigin.get(origin) ?? []), id]);
    return byOrigin;
  },
};

function toConnector(tenant: string, id: string, record: ConnectorRecord, operations: Operation[]): Connector {
  const { operationCount: _, memory: __, ...rest } = record;
  return { id, tenant, ...rest, operations };
}
