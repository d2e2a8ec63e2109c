/** Connectors of tenants: what their agents can be granted, and which of them a request belongs to. */
import { isSlug } from '../agent/checks.ts';
import type { Audit } from '../audit/audit.ts';
import { type Clock, isoTime } from '../clock.ts';
import { CordonError, notFound } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import { type Page, type PageRequest, readPage } from '../store/page.ts';
import type { Store, Transaction } from '../store/store.ts';
import type { Catalog } from './catalog-entry.ts';
import { checkCaFile } from './check-ca-file.ts';
import { type ConnectorDefinition, readConnector } from './check-connector.ts';
import { checkConnectTo } from './check-hosts.ts';
import type { CompiledConnector, Connector } from './connector.ts';
import { createConnectorCache, MAXIMUM_MEMORY } from './connector-cache.ts';
import type { ConnectorChangedBy, ConnectorInput, McpSupport } from './connector-input.ts';
import { connectorRecords } from './connector-records.ts';
import type { DocumentRequest } from './openapi/outline.ts';
import { createOutlineQueue } from './openapi/outline-queue.ts';
import { readOutline } from './openapi/read-outline.ts';

/** A connector in a list: without its operations, which can be thousands. */
export type ConnectorSummary = Omit<Connector, 'operations'> & { operationCount: number };

export interface Connectors {
  /**
   * Errors: CordonError `validation_failed`, `already_exists`, `forbidden` (connectTo), `too_large`, `quota_exceeded`,
   * `not_found` (the tenant).
   */
  create(tenant: string, input: ConnectorInput, by: ConnectorChangedBy): Promise<Connector>;
  /** Cheap: cached. The object is shared and frozen. Errors: `not_found`. */
  get(tenant: string, id: string): Promise<Connector>;
  list(tenant: string, page: PageRequest): Promise<Page<ConnectorSummary>>;
  /**
   * Everything anew but the id, the time of creation and, unless the input has one, `connectTo`.
   * Errors: as `create`; `conflict` when a tenant's key would take other hosts behind an operator's `connectTo`.
   */
  replace(tenant: string, id: string, input: Omit<ConnectorInput, 'id'>, by: ConnectorChangedBy): Promise<Connector>;
  /** Errors: `not_found`. */
  delete(tenant: string, id: string, by: ConnectorChangedBy): Promise<void>;
  /** Undefined takes it away. Errors: `not_found`, `forbidden` unless an operator asks, `validation_failed`. */
  setConnectTo(tenant: string, id: string, connectTo: unknown, by: ConnectorChangedBy): Promise<Connector>;
  /** Those whose origins hold this one (`URL.origin`), oldest first. On the path of every call: in memory. Frozen and shared. */
  forOrigin(tenant: string, origin: string): Promise<readonly CompiledConnector[]>;
  forgetTenant(tenant: string): Promise<void>;
}

export interface ConnectorsDeps {
  store: Store;
  clock: Clock;
  audit: Pick<Audit, 'add'>;
  catalog: Catalog;
  /** Gets a document from a public https address, at most 8 MiB. */
  fetchDocument(tenant: string, url: string): Promise<Uint8Array>;
  mcp?: McpSupport;
}

export const MAXIMUM_CONNECTORS = 200;
/** Of all connectors of a tenant: half of what the service keeps ready, so that one tenant cannot fill it. */
export const MAXIMUM_TENANT_MEMORY = MAXIMUM_MEMORY / 2;

export function createConnectors({ store, clock, audit, catalog, fetchDocument, mcp }: ConnectorsDeps): Connectors {
  const documents = createOutlineQueue();
  const cache = createConnectorCache({ store, ...(mcp ? { mcp } : {}) });

  const read = async (
    tenant: string,
    input: ConnectorInput,
    by: ConnectorChangedBy,
    old?: ConnectorSummary,
  ): Promise<ConnectorDefinition> => {
    if (input.connectTo !== undefined) {
      mustBeOperator(by);
      await checkCaFile(checkConnectTo(input.connectTo), 'connectTo.caFile');
    }
    const reached = old?.connectTo && { origins: old.origins, connectTo: old.connectTo };
    const sources = {
      ...{ catalog, fetchDocument, tenant, ...(mcp ? { mcp } : {}), ...(reached ? { reached } : {}) },
      readOutline: (request: DocumentRequest) => documents.run(tenant, () => readOutline(request)),
    };
    return readConnector(input, sources);
  };

  const tell = (tx: Transaction, by: ConnectorChangedBy, action: string, connector: Connector) => {
    const { tenant, id, origins, auth, source, operations, connectTo } = connector;
    const { kind, sha256 } = source;
    const detail: JsonObject = {
      action,
      connector: id,
      origins,
      auth: auth.type,
      source: { kind, ...(sha256 === undefined ? {} : { sha256 }) },
      operations: operations.length,
      ...(connectTo ? { connectTo: `${connectTo.address}:${connectTo.port}` } : {}),
    };
    audit.add(tx, tenant, { kind: 'connector', key: by.key, detail });
  };

  /** One more connector, or another in place of one: all may be needed at once, for one origin. */
  const write = (tx: Transaction, connector: Connector): void => {
    const { tenant } = connector;
    connectorRecords.write(tx, connector);
    const used = connectorRecords.memory(tx, tenant);
    if (used <= MAXIMUM_TENANT_MEMORY) return;
    const message = `The connectors of a tenant take at most ${MAXIMUM_TENANT_MEMORY} bytes of memory: leave out operations that no agent needs`;
    throw new CordonError('quota_exceeded', message, {
      quota: { name: 'connectorMemory', limit: MAXIMUM_TENANT_MEMORY, used },
    });
  };

  return {
    async create(tenant, input, by) {
      const definition = await read(tenant, input, by);
      const { id } = definition;
      return store.transaction((tx) => {
        if (!tx.get(['tenant', tenant])) throw notFound(`Tenant ${tenant}`);
        if (connectorRecords.read(tx, tenant, id))
          throw new CordonError('already_exists', `Connector ${id} exists already`);
        const used = connectorRecords.count(tx, tenant);
        if (used >= MAXIMUM_CONNECTORS)
          throw new CordonError('quota_exceeded', `A tenant has at most ${MAXIMUM_CONNECTORS} connectors`, {
            quota: { name: 'connectors', limit: MAXIMUM_CONNECTORS, used },
          });
        const now = clock.now();
        const connector: Connector = { ...definition, tenant, createdAt: isoTime(now), updatedAt: isoTime(now) };
        write(tx, connector);
        tell(tx, by, 'create', connector);
        return connector;
      });
    },

    async get(tenant, id) {
      const compiled = isSlug(id) ? await cache.get(tenant, id) : undefined;
      if (!compiled) throw notFound(`Connector ${isSlug(id) ? id : 'of this name'}`);
      return compiled.connector;
    },

    async list(tenant, page) {
      const { entries, ...rest } = await readPage(store, ['connector-age', tenant], ['number', 'string'], page);
      const items: ConnectorSummary[] = [];
      for (const { key } of entries) {
        const summary = await connectorRecords.summary(store, tenant, key[3] as string);
        if (summary) items.push(summary);
      }
      return { items, ...rest };
    },

    async replace(tenant, id, input, by) {
      const before = isSlug(id) ? await connectorRecords.summary(store, tenant, id) : undefined;
      if (!before) throw notFound(isSlug(id) ? `Connector ${id}` : 'This connector');
      const definition = await read(tenant, { ...input, id }, by, before);
      return store.transaction((tx) => {
        const old = connectorRecords.read(tx, tenant, id);
        if (!old) throw notFound(`Connector ${id}`);
        const connectTo = definition.connectTo ?? old.connectTo;
        if (old.connectTo && !by.isOperator && definition.origins.some((origin) => !old.origins.includes(origin)))
          throw new CordonError(
            'conflict',
            `Connector ${id} is reached where an operator said: an operator must take that away before it gets other hosts`,
          );
        const updatedAt = isoTime(clock.now());
        const connector: Connector = {
          ...definition,
          tenant,
          createdAt: old.createdAt,
          updatedAt,
          ...(connectTo ? { connectTo } : {}),
        };
        write(tx, connector);
        tell(tx, by, 'replace', connector);
        return connector;
      });
    },

    async delete(tenant, id, by) {
      if (!isSlug(id)) throw notFound('This connector');
      await store.transaction(
        (tx) => {
          const old = connectorRecords.read(tx, tenant, id);
          if (!old) throw notFound(`Connector ${id}`);
          connectorRecords.remove(tx, old);
          tell(tx, by, 'delete', old);
        },
        { reserve: true },
      );
    },

    async setConnectTo(tenant, id, connectTo, by) {
      mustBeOperator(by);
      // Here it is the body itself.
      const checked = connectTo === undefined ? undefined : checkConnectTo(connectTo, '');
      if (checked) await checkCaFile(checked, 'caFile');
      if (!isSlug(id)) throw notFound('This connector');
      return store.transaction((tx) => {
        const old = connectorRecords.read(tx, tenant, id);
        if (!old) throw notFound(`Connector ${id}`);
        const { connectTo: _, ...rest } = old;
        const connector: Connector = {
          ...rest,
          ...(checked ? { connectTo: checked } : {}),
          updatedAt: isoTime(clock.now()),
        };
        connectorRecords.write(tx, connector);
        tell(tx, by, 'connect-to', connector);
        return connector;
      });
    },

    forOrigin: (tenant, origin) => cache.forOrigin(tenant, origin),

    async forgetTenant(tenant) {
      while (await store.transaction((tx) => connectorRecords.removeSome(tx, tenant), { reserve: true }));
    },
  };
}

function mustBeOperator({ isOperator }: ConnectorChangedBy): void {
  if (!isOperator)
    throw new CordonError('forbidden', 'connectTo goes around the rule of addresses: only an operator may give it');
}
