/** The vault: credentials by connector and holder, their secrets encrypted at rest, lent to runs. */
import { checkSlug, isSlug } from '../agent/checks.ts';
import type { Audit, ChangedBy } from '../audit/audit.ts';
import type { Clock } from '../clock.ts';
import type { Connector } from '../connector/connector.ts';
import { secretAudience } from '../connector/secret-audience.ts';
import { CordonError, fieldError, notFound } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import type { Owner } from '../sandbox/driver.ts';
import type { Page } from '../store/page.ts';
import type { Store, Transaction } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import { type Backends, SourceError, type SourceSecret, settingOf } from './backends/backend.ts';
import type { Credential, CredentialLease, Holder, LeaseRequest } from './credential.ts';
import { checkHolder, checkRotation, checkSource } from './credential-input.ts';
import {
  type CredentialRecord,
  deleteRecord,
  holderKey,
  newCredentialId,
  putRecord,
  putSealed,
  readRecord,
  recordKey,
  toCredential,
} from './credential-records.ts';
import { sealSecret } from './envelope.ts';
import { createLeases } from './leases.ts';
import { type CredentialQuery, listCredentials, removeCredentials } from './many-credentials.ts';
import type { MasterKey } from './master-key.ts';
import {
  type ConnectorLookup,
  createSecretReader,
  factsOf,
  type KnownConnector,
  type OutsideSource,
} from './read-secret.ts';
import { type RotationDeps, rotateDue } from './rotation.ts';
import { checkSecret } from './secret.ts';

/** Unchecked, as callers send it: exactly one of `agent` and `user`, exactly one of `secret` and `source`. */
export interface CredentialInput {
  connector: unknown;
  /** Id of an agent of the tenant. */
  agent?: unknown;
  /** `{issuer, subject}`. */
  user?: unknown;
  /** By field, as `secretFields` of the connector's scheme says. */
  secret?: unknown;
  /** `{kind: 'hashicorp', path}`. */
  source?: unknown;
  /** `{everyMs, webhook?}`. */
  rotation?: unknown;
}

export interface Vault {
  /**
   * One per connector and holder. Errors: CordonError `validation_failed` (with the field, `secret.token`), `too_large`,
   * `already_exists`.
   */
  create(tenant: string, input: CredentialInput, by: ChangedBy): Promise<Credential>;
  /** A new version; leases of the former one are revoked. Errors: `not_found`, `validation_failed`, `too_large`, `conflict` for one with a source. */
  putSecret(tenant: string, id: string, secret: unknown, by: ChangedBy): Promise<Credential>;
  /** Errors: `not_found`. */
  get(tenant: string, id: string): Promise<Credential>;
  /** That of a connector and holder, if there is one. */
  find(tenant: string, connector: string, holder: Holder): Promise<Credential | undefined>;
  /** Newest first. A page can be short of items although more follow: it reads a bounded number of entries. */
  list(tenant: string, query: CredentialQuery): Promise<Page<Credential>>;
  /** Its leases are revoked when it resolves. Errors: `not_found`. */
  delete(tenant: string, id: string, by: ChangedBy): Promise<void>;
  /** Cheap: on the path of every call. Release it when the call has ended. Errors: CredentialRefused. */
  lease(request: LeaseRequest): Promise<CredentialLease>;
  /**
   * A service gave another refresh token in the place of the one of this version (RFC 6749, section 6): it takes its
   * place, and neither version nor age change. Nothing is kept when the version is not the present one any more, or
   * when the secret is kept outside: that is logged. Errors: `not_found`, `validation_failed` for an unusable token.
   */
  keepRefreshToken(of: { tenant: string; credentialId: string; version: number }, refreshToken: string): Promise<void>;
  /** Removes the agent's own credentials. */
  forget(owner: Owner): Promise<void>;
  forgetTenant(tenant: string): Promise<void>;
  /** Tells webhooks of credentials that are due, and reads those with a source again. Call it every minute. */
  sweep(): Promise<void>;
}

export interface VaultDeps {
  store: Store;
  clock: Clock;
  log: Log;
  audit: Pick<Audit, 'add'>;
  masterKey: MasterKey;
  connectors: ConnectorLookup;
  /** Where secrets may be kept besides the store. */
  backends: Backends;
  postWebhook: RotationDeps['postWebhook'];
  settings: {
    /** Age from which a credential counts as old. */
    warnAfterMs: number;
    /** Age from which it is refused; undefined: never. */
    refuseAfterMs: number | undefined;
  };
}

export function createVault(deps: VaultDeps): Vault {
  const { store, clock, log, audit, masterKey, connectors, postWebhook, settings } = deps;
  const reader = createSecretReader(deps);
  const leases = createLeases({ store, clock, refuseAfterMs: settings.refuseAfterMs, readSecret: reader.read });
  let sweeping: Promise<void> | undefined;

  const show = (tenant: string, id: string, record: CredentialRecord) =>
    toCredential(tenant, id, record, clock.now() - settings.warnAfterMs);

  async function recordOf(tenant: string, id: string): Promise<CredentialRecord> {
    const found = isSlug(id) ? await store.get<CredentialRecord>(recordKey(tenant, id)) : undefined;
    if (!found) throw notFound(isSlug(id) ? `Credential ${id}` : 'This credential');
    return found.value;
  }

  const tell = (tx: Transaction, tenant: string, by: ChangedBy, action: string, id: string, of: CredentialRecord) =>
    audit.add(tx, tenant, {
      kind: 'credential',
      key: by.key,
      ...('agent' in of.holder ? { agent: of.holder.agent } : {}),
      detail: { action, credential: id, connector: of.connector, version: of.version, ...(of.holder as JsonObject) },
    });

  async function connectorOf(tenant: string, id: string): Promise<KnownConnector> {
    const connector = await connectors.get(tenant, id).catch((error: unknown) => {
      if (error instanceof CordonError && error.code === 'not_found')
        throw fieldError('connector', `there is no connector ${id}`);
      throw error;
    });
    if (connector.auth.type === 'none') throw fieldError('connector', `${id} takes no credential`);
    return connector;
  }

  /** What the source has, checked. Errors: `validation_failed` on `source`. */
  async function readSource(tenant: string, source: OutsideSource, auth: Connector['auth']): Promise<SourceSecret> {
    if (deps.backends[source.kind] === undefined)
      throw fieldError(
        'source.kind',
        `${source.kind} is not set up in this installation: an operator sets ${settingOf[source.kind]}`,
      );
    try {
      const found = await reader.fetch(tenant, source);
      checkSecret(auth, found.fields, 'source');
      return found;
    } catch (error) {
      if (!(error instanceof SourceError) && !(error instanceof CordonError)) throw error;
      throw fieldError('source', `${source.kind}: ${error.message}`);
    }
  }

  return {
    async create(tenant, input, by) {
      const holder = checkHolder(input);
      const rotation = checkRotation(input.rotation);
      const source = checkSource(input.source);
      if ((source === undefined) === (input.secret === undefined))
        throw fieldError('secret', 'exactly one of secret and source must be given');
      const known = await connectorOf(tenant, checkSlug(input.connector, 'connector'));
      const { id: connector, auth } = known;
      const secret = source === undefined ? checkSecret(auth, input.secret) : undefined;
      const found = source === undefined ? undefined : await readSource(tenant, source, auth);
      const now = clock.now();
      const id = newCredentialId(now);
      const record: CredentialRecord = {
        connector,
        holder,
        source: source ?? { kind: 'embedded' },
        version: 1,
        createdMs: now,
        rotatedMs: now,
        audience: secretAudience(known),
        ...(found === undefined ? {} : factsOf(found, now)),
      };
      if (rotation !== undefined) Object.assign(record, { rotation, dueMs: record.rotatedMs + rotation.everyMs });
      const sealed = secret && sealSecret(masterKey, { tenant, credential: id, version: 1 }, secret);
      await store.transaction((tx) => {
        // Otherwise who registers an agent by that name later would get the credential with it.
        if ('agent' in holder && !tx.get(['agent', tenant, holder.agent]))
          throw fieldError('agent', `there is no agent ${holder.agent}`);
        if (tx.get(holderKey(tenant, connector, holder)))
          throw new CordonError('already_exists', `There is a credential of this holder for ${connector} already`);
        putRecord(tx, tenant, id, record);
        if (sealed) putSealed(tx, tenant, id, 1, sealed);
        tell(tx, tenant, by, 'create', id, record);
      });
      return show(tenant, id, record);
    },

    async putSecret(tenant, id, secret, by) {
      const former = await recordOf(tenant, id);
      if (former.source.kind !== 'embedded')
        throw new CordonError(
          'conflict',
          `The secret of this credential is kept in ${former.source.kind}: change it there`,
        );
      const known = await connectorOf(tenant, former.connector);
      const checked = checkSecret(known.auth, secret);
      return store.transaction((tx) => {
        const current = readRecord(tx, tenant, id);
        if (!current) throw notFound(`Credential ${id}`);
        const now = clock.now();
        const version = current.version + 1;
        const record: CredentialRecord = { ...current, version, rotatedMs: now, audience: secretAudience(known) };
        if (record.rotation !== undefined) record.dueMs = now + record.rotation.everyMs;
        putRecord(tx, tenant, id, record, current);
        putSealed(tx, tenant, id, version, sealSecret(masterKey, { tenant, credential: id, version }, checked));
        tell(tx, tenant, by, 'secret', id, record);
        return show(tenant, id, record);
      });
    },

    get: async (tenant, id) => show(tenant, id, await recordOf(tenant, id)),

    async find(tenant, connector, holder) {
      const id = (await store.get<string>(holderKey(tenant, connector, holder)))?.value;
      const found = id === undefined ? undefined : await store.get<CredentialRecord>(recordKey(tenant, id));
      return found && show(tenant, id as string, found.value);
    },

    list: (tenant, query) => listCredentials(store, tenant, query, (id, record) => show(tenant, id, record)),

    async delete(tenant, id, by) {
      await recordOf(tenant, id);
      await store.transaction(
        (tx) => {
          const record = readRecord(tx, tenant, id);
          if (!record) throw notFound(`Credential ${id}`);
          deleteRecord(tx, tenant, id, record);
          tell(tx, tenant, by, 'delete', id, record);
        },
        { reserve: true },
      );
    },

    lease: leases.lend,

    async keepRefreshToken({ tenant, credentialId: id, version }, refreshToken) {
      const record = await recordOf(tenant, id);
      if (record.source.kind !== 'embedded') {
        const { connector, source } = record;
        log.warn({ tenant, credential: id, connector, source: source.kind }, 'a new refresh token could not be kept');
        return;
      }
      const former = record.version === version ? await reader.unseal(tenant, id, version) : undefined;
      if (former === undefined) return;
      const { auth } = await connectorOf(tenant, record.connector);
      const secret = checkSecret(auth, { ...former, refreshToken });
      await store.transaction((tx) => {
        if (readRecord(tx, tenant, id)?.version !== version) return;
        putSealed(tx, tenant, id, version, sealSecret(masterKey, { tenant, credential: id, version }, secret));
      });
    },

    forget: ({ tenant, agent }) =>
      removeCredentials(store, tenant, ({ holder }) => 'agent' in holder && holder.agent === agent),
    forgetTenant: (tenant) => removeCredentials(store, tenant, () => true),

    async sweep() {
      // A round whose webhooks are slow is not joined by another.
      sweeping ??= rotateDue({ store, clock, log, reader, postWebhook }).finally(() => {
        sweeping = undefined;
      });
      await sweeping;
    },
  };
}
