/** Agents: the registered owners of runs, memory and workspaces. */
import { type Clock, isoTime } from '../clock.ts';
import { CordonError, notFound } from '../errors.ts';
import type { Owner } from '../sandbox/driver.ts';
import type { Limits } from '../sandbox/limits.ts';
import { type Page, type PageRequest, readPage } from '../store/page.ts';
import type { Store, Transaction } from '../store/store.ts';
import { checkName, checkObject, checkSlug, isSlug } from './checks.ts';
import { createLeaving, type Leaving } from './leaving.ts';
import { checkMetadata, type Metadata } from './metadata.ts';
import { checkLimits, checkQuotas, fillQuotas, type Quotas } from './quotas.ts';
import { defaultAgent } from './roles.ts';
import { type AgentSandbox, changeSandbox } from './sandbox-choice.ts';
import { requireTenantIn } from './tenant-record.ts';

export interface Agent extends AgentSandbox {
  id: string;
  tenant: string;
  name: string;
  /** Those that differ from the defaults. */
  limits: Partial<Limits>;
  /** All filled. */
  quotas: Quotas;
  metadata: Metadata;
  createdAt: string;
  updatedAt: string;
}

/** Unchecked, as callers send it. */
export interface AgentInput extends Partial<Record<keyof AgentSandbox, unknown>> {
  id: unknown;
  name?: unknown;
  limits?: unknown;
  quotas?: unknown;
  metadata?: unknown;
}

/** JSON Merge Patch (RFC 7396): what is absent stays; null takes a name, limit, quota or entry back to its default. */
export type AgentPatch = Partial<Record<'name' | 'limits' | 'quotas' | 'metadata' | keyof AgentSandbox, unknown>>;

export interface Agents {
  /** Errors: CordonError `validation_failed`, `already_exists`, `not_found` (the tenant), `conflict` while a former one of that id, or the tenant, is being deleted. */
  create(tenant: string, input: AgentInput): Promise<Agent>;
  /** Cheap: on the path of every run. The object is shared and frozen. Errors: `not_found`. */
  get(owner: Owner): Promise<Agent>;
  /** For what uses the agent: its files, memory, grants. Errors: `not_found`, `conflict` while it is being deleted. */
  getStaying(owner: Owner): Promise<Agent>;
  /** The same as `get` inside a transaction, where admission decides; undefined when there is none. */
  find(tx: Transaction, owner: Owner): Agent | undefined;
  list(tenant: string, page: PageRequest): Promise<Page<Agent>>;
  /** Errors: `validation_failed`, `not_found`, `conflict` while it is being deleted. */
  patch(owner: Owner, patch: AgentPatch): Promise<Agent>;
  /** Removes the record only: runs, files and memory are the caller's to end first. Errors: `not_found`, `conflict` for `default`. */
  delete(owner: Owner): Promise<void>;
}

/** What is stored: defaults are filled in when it is read, so that they follow the version of Cordon. */
interface AgentRecord {
  name: string | null;
  limits: Partial<Limits>;
  quotas: Partial<Quotas>;
  metadata: Metadata;
  sandbox?: AgentSandbox;
  createdMs: number;
  updatedMs: number;
}

/** Errors: `not_found` for an id that none can have, however long. */
function agentKey({ tenant, agent }: Owner) {
  if (!isSlug(agent)) throw notFound('This agent');
  return ['agent', tenant, agent];
}
const ageKey = ({ tenant, agent }: Owner, createdMs: number) => ['agent-age', tenant, createdMs, agent];

const CACHED = 10_000;

export interface AgentsDeps {
  store: Store;
  clock: Clock;
  /** Names of images that the operator allows. */
  images?: readonly string[];
  leaving?: Leaving;
}

export function createAgents({ store, clock, images = [], leaving = createLeaving() }: AgentsDeps): Agents {
  const cache = new Map<string, Agent>();
  let changes = 0;
  store.watch(['agent'], (key) => {
    changes++;
    cache.delete(`${key[1]}/${key[2]}`);
  });

  async function get(owner: Owner): Promise<Agent> {
    const name = `${owner.tenant}/${owner.agent}`;
    const cached = cache.get(name);
    if (cached) return cached;
    const before = changes;
    const found = await store.get<AgentRecord>(agentKey(owner));
    if (!found) throw notFound(`Agent ${owner.agent}`);
    const agent = toAgent(owner, found.value);
    if (cache.size >= CACHED) cache.clear();
    // A change while this read was on its way has been told already.
    if (before === changes) cache.set(name, agent);
    return agent;
  }

  return {
    async create(tenant, input) {
      const owner = { tenant, agent: checkSlug(input.id, 'id') };
      const now = clock.now();
      const record: AgentRecord = {
        name: input.name === undefined ? null : checkName(input.name),
        limits: input.limits === undefined ? {} : checkLimits(input.limits),
        quotas: input.quotas === undefined ? {} : checkQuotas(input.quotas),
        metadata: input.metadata === undefined ? {} : checkMetadata(input.metadata),
        sandbox: changeSandbox({}, input, images),
        createdMs: now,
        updatedMs: now,
      };
      return store.transaction((tx) => {
        // The record goes before the last of what was the former one's.
        leaving.refuse(owner);
        requireTenantIn(tx, tenant);
        if (tx.get(agentKey(owner))) throw new CordonError('already_exists', `Agent ${owner.agent} exists already`);
        putNew(tx, owner, record);
        return toAgent(owner, record);
      });
    },

    get,

    async getStaying(owner) {
      const agent = await get(owner);
      leaving.refuse(owner);
      return agent;
    },

    find(tx, owner) {
      const found = isSlug(owner.agent) ? tx.get<AgentRecord>(agentKey(owner)) : undefined;
      return found && toAgent(owner, found.value);
    },

    async list(tenant, page) {
      const { entries, ...rest } = await readPage(store, ['agent-age', tenant], ['number', 'string'], page);
      const items: Agent[] = [];
      for (const { key } of entries) {
        const owner = { tenant, agent: key[3] as string };
        const found = await store.get<AgentRecord>(agentKey(owner));
        if (found) items.push(toAgent(owner, found.value));
      }
      return { items, ...rest };
    },

    async patch(owner, patch) {
      return store.transaction((tx) => {
        const found = tx.get<AgentRecord>(agentKey(owner));
        if (!found) throw notFound(`Agent ${owner.agent}`);
        leaving.refuse(owner);
        const { name, limits, quotas, metadata } = patch;
        const record: AgentRecord = { ...found.value, updatedMs: clock.now() };
        if (name !== undefined) record.name = name === null ? null : checkName(name);
        if (limits !== undefined) record.limits = checkLimits(merge(record.limits, limits, 'limits'));
        if (quotas !== undefined) record.quotas = checkQuotas(merge(record.quotas, quotas, 'quotas'));
        if (metadata !== undefined) record.metadata = checkMetadata(merge(record.metadata, metadata, 'metadata'));
        record.sandbox = changeSandbox(record.sandbox ?? {}, patch, images);
        tx.put(agentKey(owner), record);
        return toAgent(owner, record);
      });
    },

    async delete(owner) {
      if (owner.agent === defaultAgent)
        throw new CordonError('conflict', 'The agent default belongs to every tenant and cannot be deleted');
      await store.transaction(
        (tx) => {
          const found = tx.get<AgentRecord>(agentKey(owner));
          if (!found) throw notFound(`Agent ${owner.agent}`);
          tx.delete(agentKey(owner));
          tx.delete(ageKey(owner, found.value.createdMs));
        },
        { reserve: true },
      );
    },
  };
}

/** Writes the agent `default` of a new tenant. */
export function putDefaultAgent(tx: Transaction, tenant: string, now: number): void {
  const record = { name: null, limits: {}, quotas: {}, metadata: {}, createdMs: now, updatedMs: now };
  putNew(tx, { tenant, agent: defaultAgent }, record);
}

/** Removes the records of all agents of a tenant. */
export function deleteAgentsOf(tx: Transaction, tenant: string): void {
  for (const { key } of [...tx.range({ prefix: ['agent', tenant] }), ...tx.range({ prefix: ['agent-age', tenant] })])
    tx.delete(key);
}

function putNew(tx: Transaction, owner: Owner, record: AgentRecord): void {
  tx.put(agentKey(owner), record);
  tx.put(ageKey(owner, record.createdMs), 0);
}

/** RFC 7396 for a flat object. */
function merge(old: Record<string, unknown>, patch: unknown, field: string): Record<string, unknown> {
  const merged = { ...old, ...(patch === null ? {} : checkObject(patch, field)) };
  if (patch === null) return {};
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null));
}

function toAgent({ tenant, agent }: Owner, record: AgentRecord): Agent {
  return Object.freeze({
    id: agent,
    tenant,
    name: record.name ?? agent,
    limits: Object.freeze(record.limits),
    quotas: Object.freeze(fillQuotas(record.quotas)),
    metadata: Object.freeze(record.metadata),
    ...record.sandbox,
    createdAt: isoTime(record.createdMs),
    updatedAt: isoTime(record.updatedMs),
  });
}
