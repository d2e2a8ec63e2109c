/** Assembles all that stands between agents and services: audit, connectors, permissions, vault, approvals, the gate. */
import { join } from 'node:path';
import { type Audit, createAudit } from './audit/audit.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import { readCatalog } from './connector/catalog.ts';
import type { Catalog } from './connector/catalog-entry.ts';
import { type Connectors, createConnectors } from './connector/connectors.ts';
import { createMcpSupport } from './connector/mcp.ts';
import { createAuthenticator } from './egress/auth/authenticate.ts';
import { createFetchDocument } from './egress/fetch-document.ts';
import { createGate, type Gate } from './egress/gate.ts';
import { createUpstream } from './egress/upstream.ts';
import { createApprovalWebhook } from './permission/approval-webhook.ts';
import { type Approvals, createApprovals } from './permission/approvals.ts';
import { createPermissions, type Permissions } from './permission/permissions.ts';
import { createPreflight, type Preflight } from './permission/preflight/preflight.ts';
import { createPropose, type Propose } from './permission/propose.ts';
import { createWaivers } from './permission/waivers.ts';
import type { Owner } from './sandbox/driver.ts';
import type { Store } from './store/store.ts';
import type { Log } from './telemetry/log.ts';
import { openBackends } from './vault/backends/open-backends.ts';
import type { Holder } from './vault/credential.ts';
import { createIssuers, type Issuers } from './vault/issuers.ts';
import { openMasterKey } from './vault/master-key.ts';
import { createVault, type Vault } from './vault/vault.ts';

export interface Outbound {
  audit: Audit;
  catalog: Catalog;
  connectors: Connectors;
  permissions: Permissions;
  vault: Vault;
  issuers: Issuers;
  approvals: Approvals;
  preflight: Preflight;
  propose: Propose;
  gate: Gate;
  /** What an agent leaves behind. Call it when its record is gone: nothing new can come from then on. */
  forget(owner: Owner): Promise<void>;
  forgetTenant(tenant: string): Promise<void>;
  /** After a crash: what agents left that were being deleted. Call it before the first request. */
  recover(): Promise<void>;
  /** What is old or due. Call it every minute. */
  sweep(): Promise<void>;
  close(): Promise<void>;
}

export interface OutboundDeps {
  store: Store;
  clock: Clock;
  log: Log;
  config: Config;
  /** Of the data directory, where the master key lies unless the setting gives it. */
  dataDir: string;
}

const UNUSED_AFTER_MS = 30 * 24 * 3_600_000;
const WEBHOOK_MS = 30_000;

/** Errors: MasterKeyError, when the store was encrypted with another key. */
export async function createOutbound({ store, clock, log, config, dataDir }: OutboundDeps): Promise<Outbound> {
  const key = await openMasterKey(store, { key: config.masterKey, file: join(dataDir, 'master-key') });
  const upstream = createUpstream({ timeoutMs: config.egressCallMs });
  const fetchDocument = createFetchDocument(upstream);
  const audit = createAudit({ store, clock });
  const catalog = readCatalog();
  const connectors = createConnectors({
    ...{ store, clock, audit, catalog, fetchDocument },
    mcp: createMcpSupport({ send: upstream.send }),
  });
  const permissions = createPermissions({ store, clock, audit, connectors });
  const { credentialWarnMs: warnAfterMs, credentialMaximumMs: refuseAfterMs } = config;
  const vault = createVault({
    ...{ store, clock, log, audit, connectors, masterKey: key },
    backends: openBackends(config, clock),
    postWebhook,
    settings: { warnAfterMs, refuseAfterMs },
  });
  const issuers = createIssuers({ store, clock, audit, fetchDocument });
  const waivers = createWaivers({ store, clock, audit });
  const preflight = createPreflight({
    ...{ permissions, connectors, vault, waivers, clock },
    settings: { unusedAfterMs: UNUSED_AFTER_MS, secretWarnAfterMs: warnAfterMs, secretRefuseAfterMs: refuseAfterMs },
  });
  const webhook =
    config.approvalWebhook === undefined ? undefined : createApprovalWebhook({ url: config.approvalWebhook, log });
  const approvals = createApprovals({
    ...{ store, clock, audit, waitMs: config.approvalWaitMs },
    ...(webhook ? { notify: webhook.notify } : {}),
  });
  const propose = createPropose({ audit, permissions, connectors, clock });
  const authenticator = createAuthenticator({ clock, send: upstream.send, keepRefreshToken: vault.keepRefreshToken });
  const gate = createGate({
    ...{ store, clock, log, audit, connectors, permissions, approvals, vault, authenticator, upstream },
    settings: {
      requestBytes: config.egressRequestBytes,
      heldBytes: config.egressHeldBytes,
      responseBytes: config.egressResponseBytes,
      callMs: config.egressCallMs,
    },
  });

  /** A tenant chose the address: it is judged as any other. */
  async function postWebhook(tenant: string, url: string, json: string): Promise<void> {
    const answer = await upstream.send({
      // No connector's: theirs have names.
      ...{ tenant, connector: '', connectTo: undefined, method: 'POST', url: new URL(url) },
      headers: [['content-type', 'application/json']],
      body: Buffer.from(json),
      signal: AbortSignal.timeout(WEBHOOK_MS),
    });
    await answer.body[Symbol.asyncIterator]().return?.();
    if (answer.status < 200 || answer.status > 299) throw new Error(`the webhook answered ${answer.status}`);
  }

  async function forget(owner: Owner): Promise<void> {
    await permissions.forget(owner);
    await preflight.forget(owner);
    await vault.forget(owner);
  }

  return {
    ...{ audit, catalog, connectors, permissions, vault, issuers, approvals, preflight, propose, gate },
    forget,
    async recover() {
      await approvals.recover();
      for (const owner of await ownersOfWhatIsLeft(store)) await forget(owner);
    },
    async forgetTenant(tenant) {
      await permissions.forgetTenant(tenant);
      await preflight.forgetTenant(tenant);
      await approvals.forgetTenant(tenant);
      await vault.forgetTenant(tenant);
      await issuers.forgetTenant(tenant);
      await connectors.forgetTenant(tenant);
      await audit.forgetTenant(tenant);
    },
    async sweep() {
      await audit.sweep(config.keepAuditMs);
      await approvals.sweep(config.keepAuditMs);
      await vault.sweep();
    },
    async close() {
      webhook?.close();
      await upstream.close();
    },
  };
}

/** Agents that do not exist and have something here: the next ones of their names must not inherit it. */
async function ownersOfWhatIsLeft(store: Store): Promise<Owner[]> {
  const owners = new Map<string, Owner>();
  const note = (tenant: unknown, agent: unknown) =>
    owners.set(`${tenant}/${agent}`, { tenant: String(tenant), agent: String(agent) });
  for (const kind of ['grant', 'policy', 'waiver'])
    for (const { key } of await store.range({ prefix: [kind] })) note(key[1], key[2]);
  for (const { key, value } of await store.range<{ holder?: Holder }>({ prefix: ['credential'] }))
    if (value.holder && 'agent' in value.holder) note(key[1], value.holder.agent);
  const left: Owner[] = [];
  for (const owner of owners.values()) if (!(await store.get(['agent', owner.tenant, owner.agent]))) left.push(owner);
  return left;
}
