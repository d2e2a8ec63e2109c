/** Leases: what runs hold of a credential, for one call, until it is released, revoked or old. */
import { setMaxListeners } from 'node:events';
import type { Clock } from '../clock.ts';
import type { Store } from '../store/store.ts';
import { type CredentialLease, CredentialRefused, type Holder, type LeaseRequest, type Secret } from './credential.ts';
import { type CredentialRecord, holderKey, holderText, recordKey } from './credential-records.ts';

/** How long a decrypted secret stays in memory after it was read, unless a lease holds it. */
const KEPT_MS = 60_000;
const CACHED = 1000;

export interface LeasesDeps {
  store: Store;
  clock: Clock;
  /** Age from which a secret is not lent; undefined: at any age. */
  refuseAfterMs: number | undefined;
  /**
   * The secret as it is now, with its record: for one from a source it may be newer than the record that was found.
   * Undefined when that record is no longer the one in the store: look again. Errors: CredentialRefused.
   */
  readSecret(
    tenant: string,
    id: string,
    record: CredentialRecord,
  ): Promise<{ record: CredentialRecord; secret: Secret } | undefined>;
}

interface Decrypted {
  id: string;
  record: CredentialRecord;
  secret: Secret;
  untilMs: number;
}

/** A secret on its way into memory. What changes it meanwhile makes it old; what others change does not. */
interface Loading {
  /** Undefined until it was looked up. */
  id: string | undefined;
  changes: number;
  done: Promise<void>;
}

/** One version of a credential, as long as a call holds it. */
interface Lent {
  version: number;
  revoke: AbortController;
  held: number;
}

export interface Leases {
  /** Errors: CredentialRefused. */
  lend(request: LeaseRequest): Promise<CredentialLease>;
  /** How many are held now, of one credential. */
  held(id: string): number;
}

export function createLeases({ store, clock, refuseAfterMs, readSecret }: LeasesDeps): Leases {
  /** By tenant, connector and holder. */
  const decrypted = new Map<string, Decrypted>();
  const loading = new Map<string, Loading>();
  const lent = new Map<string, Set<Lent>>();

  const forget = (isMeant: (name: string, entry: { id: string | undefined }) => boolean) => {
    for (const [name, entry] of decrypted) if (isMeant(name, entry)) decrypted.delete(name);
    for (const [name, entry] of loading) if (isMeant(name, entry)) entry.changes++;
  };
  /** One that is being looked up may turn out to be any of its tenant. */
  const forgetCredential = (tenant: unknown, id: unknown) =>
    forget((name, entry) => (entry.id === undefined ? name.startsWith(`${tenant}/`) : entry.id === id));
  store.watch(['credential'], (key, value) => {
    const id = key[2] as string;
    const version = (value as CredentialRecord | undefined)?.version;
    forgetCredential(key[1], id);
    for (const one of lent.get(id) ?? []) {
      if (one.version === version) continue;
      lent.get(id)?.delete(one);
      one.revoke.abort();
    }
  });
  store.watch(['credential-secret'], (key) => forgetCredential(key[1], key[2]));
  // It may have another scheme or other hosts now.
  store.watch(['connector'], (key) => forget((name) => name.startsWith(`${key[1]}/${key[2]}/`)));

  async function load(name: string, request: LeaseRequest, state: Loading): Promise<void> {
    const { tenant, connector } = request;
    const holder = holderOf(request);
    const id = (await store.get<string>(holderKey(tenant, connector, holder)))?.value;
    state.id = id;
    const found = id === undefined ? undefined : (await store.get<CredentialRecord>(recordKey(tenant, id)))?.value;
    if (id === undefined || found === undefined) throw missing(request);
    const read = await readSecret(tenant, id, found);
    if (read === undefined) return;
    // A new version from a source was noted in the store, which is one change; any other may have made this one old.
    const expected = read.record.version === found.version ? 0 : 1;
    if (state.changes !== expected) return;
    if (decrypted.size >= CACHED) decrypted.clear();
    const entry = { id, ...read, untilMs: clock.now() + KEPT_MS };
    decrypted.set(name, entry);
    setTimeout(() => {
      if (decrypted.get(name) === entry) decrypted.delete(name);
    }, KEPT_MS).unref();
  }

  function lendNow(request: LeaseRequest, { id, record, secret }: Decrypted): CredentialLease {
    const isElsewhere = request.audience?.some((item) => !record.audience.includes(item)) ?? false;
    if (isElsewhere) throw elsewhere(request);
    if (refuseAfterMs !== undefined && clock.now() - record.rotatedMs >= refuseAfterMs) throw tooOld(request);
    const one = versionOf(id, record.version);
    one.held++;
    let held: Secret | undefined = secret;
    return {
      credentialId: id,
      version: record.version,
      get secret() {
        if (held === undefined) throw new Error('The lease of this credential has ended');
        return held;
      },
      revoked: one.revoke.signal,
      release() {
        if (held === undefined) return;
        held = undefined;
        if (--one.held > 0) return;
        const versions = lent.get(id);
        versions?.delete(one);
        if (versions?.size === 0) lent.delete(id);
      },
    };
  }

  function versionOf(id: string, version: number): Lent {
    const versions = lent.get(id) ?? new Set();
    lent.set(id, versions);
    for (const one of versions) if (one.version === version) return one;
    const one: Lent = { version, revoke: new AbortController(), held: 0 };
    // Every call under way listens.
    setMaxListeners(0, one.revoke.signal);
    versions.add(one);
    return one;
  }

  return {
    async lend(request) {
      const name = `${request.tenant}/${request.connector}/${holderText(holderOf(request))}`;
      for (;;) {
        const entry = decrypted.get(name);
        if (entry !== undefined && clock.now() < entry.untilMs) return lendNow(request, entry);
        let reading = loading.get(name);
        if (reading === undefined) {
          reading = { id: undefined, changes: 0, done: Promise.resolve() };
          loading.set(name, reading);
          reading.done = load(name, request, reading).finally(() => loading.delete(name));
        }
        await reading.done;
      }
    },
    held: (id) => [...(lent.get(id) ?? [])].reduce((sum, { held }) => sum + held, 0),
  };
}

const holderOf = ({ agent, user }: LeaseRequest): Holder => (user === undefined ? { agent } : { user });

/** Guests read this: it does not name the user. */
function missing({ agent, connector, user }: LeaseRequest): CredentialRefused {
  const message =
    user === undefined
      ? `agent ${agent} has no credential for ${connector}. An admin adds it: POST /v1/credentials {"connector":"${connector}","agent":"${agent}","secret":{...}}`
      : `the user for whom this run is made has no credential for ${connector}, and that of agent ${agent} does not stand in for it. An admin adds it: POST /v1/credentials {"connector":"${connector}","user":{...},"secret":{...}}`;
  return new CredentialRefused('credential_missing', message);
}

function elsewhere({ connector }: LeaseRequest): CredentialRefused {
  return new CredentialRefused(
    'credential_missing',
    `the credential for ${connector} cannot be used: its secret was set for other hosts or another scheme than this call's`,
  );
}

function tooOld({ agent, connector, user }: LeaseRequest): CredentialRefused {
  const whose = user === undefined ? `of agent ${agent}` : 'of the user for whom this run is made';
  return new CredentialRefused(
    'credential_expired',
    `the credential ${whose} for ${connector} is older than the operator allows. An admin renews it: PUT /v1/credentials/{id}/secret`,
  );
}
