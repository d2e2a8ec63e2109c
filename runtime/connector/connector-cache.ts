/** Connectors ready for calls, in memory: the way of every outbound call goes through here. */
import type { Store } from '../store/store.ts';
import { compileConnector } from './compile-connector.ts';
import type { CompiledConnector } from './connector.ts';
import type { McpSupport } from './connector-input.ts';
import { memoryOf } from './connector-memory.ts';
import { connectorRecords } from './connector-records.ts';

export interface ConnectorCache {
  get(tenant: string, id: string): Promise<CompiledConnector | undefined>;
  forOrigin(tenant: string, origin: string): Promise<readonly CompiledConnector[]>;
}

/** Bytes that connectors ready for calls take together, about. */
export const MAXIMUM_MEMORY = 256 * 1024 * 1024;
const MAXIMUM_TENANTS = 10_000;
const nothing: readonly CompiledConnector[] = Object.freeze([]);

export function createConnectorCache({ store, mcp }: { store: Store; mcp?: McpSupport }): ConnectorCache {
  /** By `tenant/id`, the last used at the end; undefined inside: there is none. */
  const compiled = new Map<string, { one: CompiledConnector; memory: number }>();
  /** By `tenant/id`: what is being read, for all who ask meanwhile. */
  const coming = new Map<string, Promise<CompiledConnector | undefined>>();
  /** Ids by origin, of tenants. */
  const indexes = new Map<string, Map<string, string[]>>();
  /** Answers of `forOrigin`, by tenant: only origins that a connector has. */
  const answers = new Map<string, Map<string, readonly CompiledConnector[]>>();
  let memory = 0;
  let changes = 0;

  store.watch(['connector'], (key) => {
    changes++;
    const tenant = String(key[1]);
    drop(`${tenant}/${key[2]}`);
    coming.delete(`${tenant}/${key[2]}`);
    indexes.delete(tenant);
    answers.delete(tenant);
  });

  function drop(name: string): void {
    memory -= compiled.get(name)?.memory ?? 0;
    compiled.delete(name);
  }

  function keep(name: string, one: CompiledConnector): void {
    drop(name);
    const entry = { one, memory: memoryOf(one.connector.operations) };
    compiled.set(name, entry);
    memory += entry.memory;
    for (const oldest of compiled.keys()) {
      if (memory <= MAXIMUM_MEMORY || oldest === name) break;
      drop(oldest);
      // The answers hold on to it as well.
      answers.clear();
    }
  }

  async function get(tenant: string, id: string): Promise<CompiledConnector | undefined> {
    const name = `${tenant}/${id}`;
    const known = compiled.get(name);
    if (known) {
      compiled.delete(name);
      compiled.set(name, known);
      return known.one;
    }
    const begun = coming.get(name);
    if (begun) return begun;
    const reading = read(name, tenant, id).finally(() => {
      if (coming.get(name) === reading) coming.delete(name);
    });
    coming.set(name, reading);
    return reading;
  }

  async function read(name: string, tenant: string, id: string): Promise<CompiledConnector | undefined> {
    const before = changes;
    const connector = await connectorRecords.load(store, tenant, id);
    if (!connector) return undefined;
    const one = compileConnector(connector, mcp);
    // A change while this read was on its way has been told already.
    if (before === changes) keep(name, one);
    return one;
  }

  async function indexOf(tenant: string): Promise<Map<string, string[]>> {
    const known = indexes.get(tenant);
    if (known) return known;
    const before = changes;
    const index = await connectorRecords.origins(store, tenant);
    if (indexes.size >= MAXIMUM_TENANTS) indexes.clear();
    if (before === changes) indexes.set(tenant, index);
    return index;
  }

  return {
    get,
    async forOrigin(tenant, origin) {
      const known = answers.get(tenant)?.get(origin);
      if (known) return known;
      const before = changes;
      const ids = (await indexOf(tenant)).get(origin);
      if (!ids) return nothing;
      const found = await Promise.all(ids.map((id) => get(tenant, id)));
      // One may have gone or moved to another host since the index was read.
      const there = found.filter((one) => one?.connector.origins.includes(origin)) as CompiledConnector[];
      const answer = Object.freeze(there);
      // What was dropped while others were read would be held by the answer alone, and counted nowhere.
      const isKept = there.every(({ connector }) => compiled.has(`${tenant}/${connector.id}`));
      if (before === changes && isKept) {
        if (answers.size >= MAXIMUM_TENANTS) answers.clear();
        const ofTenant = answers.get(tenant) ?? new Map<string, readonly CompiledConnector[]>();
        answers.set(tenant, ofTenant.set(origin, answer));
      }
      return answer;
    },
  };
}
