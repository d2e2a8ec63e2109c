/** Issuers: registered by admins; what their tokens say of users is believed, and nothing else. */
import { hash } from 'node:crypto';
import { createLocalJWKSet, decodeJwt, errors, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { isSlug } from '../agent/checks.ts';
import type { Audit, ChangedBy } from '../audit/audit.ts';
import { type Clock, isoTime } from '../clock.ts';
import { CordonError, fieldError, notFound } from '../errors.ts';
import { newId } from '../ids.ts';
import { type Page, type PageRequest, readPage } from '../store/page.ts';
import type { Store, Transaction } from '../store/store.ts';
import type { User } from './credential.ts';
import { isIssuerName, isSubject } from './credential-input.ts';
import { checkIssuer, type Issuer, type IssuerInput, type IssuerRecord, type KeySet, readKeySet } from './issuer.ts';
import { createKeySets, type KeySource } from './key-sets.ts';

export { type Issuer, type IssuerInput, type TokenAlgorithm, tokenAlgorithms } from './issuer.ts';

export interface Issuers {
  /** One per `iss`. Errors: CordonError `validation_failed`, `already_exists`. */
  create(tenant: string, input: IssuerInput, by: ChangedBy): Promise<Issuer>;
  /** Errors: `not_found`. */
  get(tenant: string, id: string): Promise<Issuer>;
  /** Newest first. */
  list(tenant: string, page: PageRequest): Promise<Page<Issuer>>;
  /** Its tokens are refused from when it resolves. Errors: `not_found`. */
  delete(tenant: string, id: string, by: ChangedBy): Promise<void>;
  /** The user that a JWT (RFC 7519) names. Errors: CordonError `validation_failed` on `onBehalfOf`, without any of the token. */
  verify(tenant: string, jwt: string): Promise<User>;
  forgetTenant(tenant: string): Promise<void>;
}

export interface IssuersDeps {
  store: Store;
  clock: Clock;
  audit: Pick<Audit, 'add'>;
  /** Gets a document from a public https address, bounded. */
  fetchDocument(tenant: string, url: string): Promise<Uint8Array>;
}

const FIELD = 'onBehalfOf';
const MAXIMUM_TOKEN = 16 * 1024;
/** By which the clocks of issuer and Cordon may differ. */
const SKEW_SECONDS = 60;

const recordKey = (tenant: string, id: string) => ['issuer', tenant, id];
/** Hashed: it may be longer than a key of the store. */
const nameKey = (tenant: string, issuer: string) => ['issuer-of', tenant, hash('sha256', issuer, 'base64url')];

export function createIssuers({ store, clock, audit, fetchDocument }: IssuersDeps): Issuers {
  const keySets = createKeySets<JWTVerifyGetKey>({
    clock,
    fetchKeys: async ({ tenant, uri }) => readKeySet(await fetchDocument(tenant, uri)),
    prepare: prepareKeys,
  });
  store.watch(['issuer'], (key) => keySets.forget(key[2] as string));

  const tell = (tx: Transaction, tenant: string, by: ChangedBy, action: string, id: string, issuer: string) =>
    audit.add(tx, tenant, { kind: 'issuer', key: by.key, detail: { action, id, issuer } });

  async function recordOf(tenant: string, id: string): Promise<IssuerRecord> {
    const found = isSlug(id) ? await store.get<IssuerRecord>(recordKey(tenant, id)) : undefined;
    if (!found) throw notFound(isSlug(id) ? `Issuer ${id}` : 'This issuer');
    return found.value;
  }

  /** The issuer that a token claims to be from: nothing of the token is believed yet. */
  async function claimed(tenant: string, jwt: string): Promise<{ id: string; record: IssuerRecord }> {
    let name: unknown;
    try {
      name = decodeJwt(jwt).iss;
    } catch {
      throw refused('is no JSON Web Token');
    }
    const id = isIssuerName(name) ? (await store.get<string>(nameKey(tenant, name)))?.value : undefined;
    const found = id === undefined ? undefined : await store.get<IssuerRecord>(recordKey(tenant, id));
    if (id === undefined || found === undefined || found.value.issuer !== name)
      throw refused('is a token of no registered issuer');
    return { id, record: found.value };
  }

  async function check(jwt: string, keys: JWTVerifyGetKey, { issuer, audience, algorithms }: IssuerRecord) {
    const { payload } = await jwtVerify(jwt, keys, {
      issuer,
      audience,
      algorithms,
      requiredClaims: ['sub', 'exp'],
      clockTolerance: SKEW_SECONDS,
      currentDate: new Date(clock.now()),
    });
    return payload;
  }

  async function checkWithPublished(jwt: string, of: KeySource, record: IssuerRecord) {
    for (const renewed of [false, true]) {
      const keys = await keySets.get(of, renewed);
      if (keys === undefined) throw refused('cannot be checked: the keys of its issuer could not be fetched');
      try {
        return await check(jwt, keys, record);
      } catch (error) {
        // It may be signed with a key that is newer than those that are known.
        if (renewed || !(error instanceof errors.JWKSNoMatchingKey)) throw error;
      }
    }
  }

  return {
    async create(tenant, input, by) {
      const now = clock.now();
      const record = checkIssuer(input, now);
      const id = newId('iss', now);
      await store.transaction((tx) => {
        if (tx.get(nameKey(tenant, record.issuer)))
          throw new CordonError('already_exists', 'An issuer of this name is registered already');
        tx.put(recordKey(tenant, id), record);
        tx.put(nameKey(tenant, record.issuer), id);
        tell(tx, tenant, by, 'create', id, record.issuer);
      });
      return toIssuer(tenant, id, record);
    },

    get: async (tenant, id) => toIssuer(tenant, id, await recordOf(tenant, id)),

    async list(tenant, page) {
      const { entries, ...rest } = await readPage<IssuerRecord>(store, ['issuer', tenant], ['string'], page);
      return { items: entries.map(({ key, value }) => toIssuer(tenant, key[2] as string, value)), ...rest };
    },

    async delete(tenant, id, by) {
      await recordOf(tenant, id);
      await store.transaction(
        (tx) => {
          const found = tx.get<IssuerRecord>(recordKey(tenant, id));
          if (!found) throw notFound(`Issuer ${id}`);
          tx.delete(recordKey(tenant, id));
          tx.delete(nameKey(tenant, found.value.issuer));
          tell(tx, tenant, by, 'delete', id, found.value.issuer);
        },
        { reserve: true },
      );
    },

    async verify(tenant, jwt) {
      if (typeof jwt !== 'string' || jwt.length > MAXIMUM_TOKEN) throw refused('is no JSON Web Token');
      const { id, record } = await claimed(tenant, jwt);
      try {
        const { jwks, jwksUri } = record;
        const payload =
          jwks === undefined
            ? await checkWithPublished(jwt, { tenant, id, uri: jwksUri as string }, record)
            : await check(jwt, prepareKeys(jwks), record);
        const subject = payload?.sub;
        if (!isSubject(subject)) throw refused('has no usable `sub`');
        return Object.freeze({ issuer: record.issuer, subject });
      } catch (error) {
        throw error instanceof CordonError ? error : refused(reasonOf(error));
      }
    },

    async forgetTenant(tenant) {
      const entries = [
        ...(await store.range({ prefix: ['issuer', tenant] })),
        ...(await store.range({ prefix: ['issuer-of', tenant] })),
      ];
      await store.transaction((tx) => {
        for (const { key } of entries) tx.delete(key);
      });
    },
  };
}

const refused = (why: string) => fieldError(FIELD, why);

const prepareKeys = (set: KeySet): JWTVerifyGetKey => createLocalJWKSet(set as never);

/** In our words: the library's may hold parts of the token. Errors: what is no fault of a token. */
function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'has expired';
  if (error instanceof errors.JWTClaimValidationFailed) return claimReason(error.claim);
  if (error instanceof errors.JOSEAlgNotAllowed)
    return 'is signed with an algorithm that its issuer is not registered for';
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
    return 'is signed with no key of its issuer that could be told';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'has a wrong signature';
  if (error instanceof errors.JOSEError || error instanceof TypeError)
    return 'is no JSON Web Token that could be checked';
  throw error;
}

function claimReason(claim: string): string {
  if (claim === 'aud') return 'is meant for another audience';
  if (claim === 'nbf') return 'is not valid yet';
  return ['iss', 'sub', 'exp', 'iat'].includes(claim) ? `has no usable \`${claim}\`` : 'has a claim that is not usable';
}

function toIssuer(tenant: string, id: string, { createdMs, ...record }: IssuerRecord): Issuer {
  return { id, tenant, ...record, createdAt: isoTime(createdMs) };
}
