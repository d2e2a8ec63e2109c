/** Secrets as they are now: decrypted from the store, or read from where they are kept. */
import type { Clock } from '../clock.ts';
import type { Connector } from '../connector/connector.ts';
import { secretAudience } from '../connector/secret-audience.ts';
import { CordonError } from '../errors.ts';
import type { Store } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import { UnsealError } from './aes-gcm.ts';
import { type Backends, type SecretBackend, SourceError, type SourceSecret } from './backends/backend.ts';
import { CredentialRefused, type Secret, type SecretSource } from './credential.ts';
import { type CredentialRecord, putRecord, readRecord, recordKey, secretKey } from './credential-records.ts';
import { openSecret, type SealedSecret } from './envelope.ts';
import type { MasterKey } from './master-key.ts';
import { checkSecret } from './secret.ts';

export type OutsideSource = Exclude<SecretSource, { kind: 'embedded' }>;

/** What the vault needs to know of connectors. */
export type KnownConnector = Pick<Connector, 'id' | 'auth' | 'origins'>;
export interface ConnectorLookup {
  /** Errors: CordonError `not_found`. */
  get(tenant: string, id: string): Promise<KnownConnector>;
}

export interface SecretReaderDeps {
  store: Store;
  clock: Clock;
  log: Log;
  masterKey: MasterKey;
  connectors: ConnectorLookup;
  backends: Backends;
}

export interface SecretReader {
  /** Undefined when `record` is no longer the one in the store. Errors: CredentialRefused, for guests to read. */
  read(
    tenant: string,
    id: string,
    record: CredentialRecord,
  ): Promise<{ record: CredentialRecord; secret: Secret } | undefined>;
  /** From a source, unchecked. Errors: SourceError, also when the source is not set up here. */
  fetch(tenant: string, source: OutsideSource): Promise<SourceSecret>;
  /** From the store. Undefined when there is none of this version. Errors: UnsealError. */
  unseal(tenant: string, id: string, version: number): Promise<Secret | undefined>;
  /** Notes in the store that the source has another secret than the record stands for. Undefined as above. */
  note(
    tenant: string,
    id: string,
    record: CredentialRecord,
    found: SourceSecret,
  ): Promise<CredentialRecord | undefined>;
}

/** What a record says of its secret. */
export const factsOf = ({ version, createdMs }: SourceSecret, nowMs: number) => ({
  sourceVersion: version,
  // A source whose clock is ahead must not make a secret younger than new.
  rotatedMs: Math.min(createdMs, nowMs),
});

export function createSecretReader(deps: SecretReaderDeps): SecretReader {
  const { store, clock, log, masterKey, connectors, backends } = deps;

  const fetch: SecretReader['fetch'] = (tenant, source) => {
    const backend = backends[source.kind] as SecretBackend | undefined;
    if (backend === undefined) throw new SourceError('unavailable', `${source.kind} is not set up here`);
    return backend.read(tenant, source);
  };

  const note: SecretReader['note'] = async (tenant, id, record, found) => {
    if (found.version === record.sourceVersion) return record;
    return store.transaction((tx) => {
      const current = readRecord(tx, tenant, id);
      if (current?.version !== record.version) return undefined;
      const facts = factsOf(found, clock.now());
      const { everyMs } = current.rotation ?? {};
      const next: CredentialRecord = { ...current, ...facts, version: current.version + 1 };
      if (everyMs !== undefined) next.dueMs = facts.rotatedMs + everyMs;
      putRecord(tx, tenant, id, next, current);
      return next;
    });
  };

  const unseal: SecretReader['unseal'] = async (tenant, id, version) => {
    const sealed = await store.get<SealedSecret>(secretKey(tenant, id, version));
    return sealed && openSecret(masterKey, { tenant, credential: id, version }, sealed.value);
  };

  async function isCurrent(tenant: string, id: string, { version }: CredentialRecord): Promise<boolean> {
    const found = await store.get<CredentialRecord>(recordKey(tenant, id));
    return found?.value.version === version;
  }

  async function readAny(tenant: string, id: string, record: CredentialRecord, auth: Connector['auth']) {
    if (record.source.kind === 'embedded') {
      const secret = await unseal(tenant, id, record.version);
      if (secret !== undefined) return { record, secret };
      if (await isCurrent(tenant, id, record)) throw new UnsealError('It is missing');
      return undefined;
    }
    const found = await fetch(tenant, record.source);
    const secret = checkSecret(auth, found.fields, 'source');
    const noted = await note(tenant, id, record, found);
    return noted && { record: noted, secret };
  }

  return {
    fetch,
    unseal,
    note,
    async read(tenant, id, record) {
      const { connector, source } = record;
      const refused = (why: string) =>
        new CredentialRefused('credential_missing', `the credential for ${connector} cannot be used: ${why}`);
      try {
        const now = await connectors.get(tenant, connector);
        if (!secretAudience(now).every((item) => record.audience.includes(item)))
          throw refused(
            'the connector has other hosts or another scheme than when its secret was set. An admin has to set it anew',
          );
        return await readAny(tenant, id, record, now.auth);
      } catch (error) {
        if (error instanceof CredentialRefused) throw error;
        const isKnown = error instanceof CordonError || error instanceof SourceError || error instanceof UnsealError;
        if (!isKnown) throw error;
        log.warn({ tenant, credential: id, connector, reason: error.message }, 'a credential could not be read');
        if (error instanceof UnsealError) throw refused('its secret cannot be decrypted');
        throw refused(error instanceof SourceError ? `${source.kind}: ${error.message}` : error.message);
      }
    },
  };
}
