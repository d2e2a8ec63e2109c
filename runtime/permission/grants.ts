/** Making, changing and removing grants: nothing here widens what is in force. */
import type { Audit, ChangedBy } from '../audit/audit.ts';
import type { Clock } from '../clock.ts';
import type { Connector } from '../connector/connector.ts';
import { CordonError, notFound } from '../errors.ts';
import { newId } from '../ids.ts';
import type { JsonObject } from '../json.ts';
import type { Owner } from '../sandbox/driver.ts';
import { readPage } from '../store/page.ts';
import type { Store, Transaction } from '../store/store.ts';
import { requireAgentIn } from './activation.ts';
import { checkGrantTerms, type GrantTerms, grantInputInSteps } from './grant-input.ts';
import {
  grantsOf,
  isGrantId,
  putGrant,
  readGrant,
  readGrants,
  removeGrant,
  type StoredGrant,
  toGrant,
} from './grant-records.ts';
import { withPauses } from './in-steps.ts';
import { isNarrower } from './narrower.ts';
import { isWildcard } from './operation-pattern.ts';
import type { Permissions } from './permissions.ts';

export const maximumGrants = 200;
/** Patterns with `*` of all grants of an agent: each is tried against each operation of its connector. */
export const maximumWildcards = 200;

export interface GrantsDeps {
  store: Store;
  clock: Clock;
  audit: Pick<Audit, 'add'>;
  /** Errors: CordonError `validation_failed` on the field `connector`. */
  connector(tenant: string, id: string): Promise<Connector>;
}

type Grants = Pick<Permissions, 'createGrant' | 'listGrants' | 'getGrant' | 'replaceGrant' | 'deleteGrant'>;

export function createGrants({ store, clock, audit, connector }: GrantsDeps): Grants {
  const check = async (owner: Owner, input: unknown): Promise<GrantTerms> => {
    const now = clock.now();
    const { connector: id } = checkGrantTerms(input, now);
    return withPauses(grantInputInSteps(input, await connector(owner.tenant, id), now));
  };

  const tell = (tx: Transaction, { tenant, agent }: Owner, by: ChangedBy, detail: JsonObject) =>
    audit.add(tx, tenant, { kind: 'grant', agent, key: by.key, detail });

  const put = (tx: Transaction, owner: Owner, by: ChangedBy, action: string, id: string, grant: StoredGrant) => {
    putGrant(tx, owner, id, grant);
    const { status, replaces } = grant;
    const terms = structuredClone(grant.terms) as unknown as JsonObject;
    tell(tx, owner, by, { action, grant: id, status, ...(replaces === undefined ? {} : { replaces }), ...terms });
    return toGrant(owner, id, grant);
  };

  const putNew = (tx: Transaction, owner: Owner, by: ChangedBy, terms: GrantTerms, replaces?: string) => {
    const used = readGrants(tx, owner).length;
    if (used >= maximumGrants)
      throw new CordonError('quota_exceeded', `Agent ${owner.agent} has ${used} grants, and may have no more`, {
        quota: { name: 'grants', limit: maximumGrants, used },
      });
    checkWildcards(tx, owner, terms);
    const createdMs = clock.now();
    const grant: StoredGrant = { terms, status: 'pending', createdMs, ...(replaces === undefined ? {} : { replaces }) };
    return put(tx, owner, by, 'create', newId('grt', createdMs), grant);
  };

  return {
    async createGrant(owner, input, by, sinceMs) {
      const terms = await check(owner, input);
      return store.transaction((tx) => {
        requireAgentIn(tx, owner);
        if (sinceMs !== undefined)
          for (const [id, grant] of readGrants(tx, owner))
            if (grant.status === 'pending' && grant.createdMs >= sinceMs && isSame(grant.terms, terms))
              return toGrant(owner, id, grant);
        return putNew(tx, owner, by, terms);
      });
    },

    async listGrants(owner, page) {
      const { entries, ...rest } = await readPage<StoredGrant>(store, grantsOf(owner), ['string'], page);
      return { items: entries.map(({ key, value }) => toGrant(owner, String(key[3]), value)), ...rest };
    },

    async getGrant(owner, id) {
      return toGrant(owner, id, await store.transaction((tx) => requireGrant(tx, owner, id)));
    },

    async replaceGrant(owner, id, input, by) {
      await store.transaction((tx) => requireGrant(tx, owner, id));
      const terms = await check(owner, input);
      return store.transaction((tx) => {
        const before = requireGrant(tx, owner, id);
        if (before.status === 'pending') {
          checkWildcards(tx, owner, terms, id);
          return put(tx, owner, by, 'change', id, { ...before, terms });
        }
        removeReplacements(tx, owner, id);
        if (isNarrower(terms, before.terms)) {
          checkWildcards(tx, owner, terms, id);
          return put(tx, owner, by, 'narrow', id, { ...before, terms });
        }
        return putNew(tx, owner, by, terms, id);
      });
    },

    async deleteGrant(owner, id, by) {
      await store.transaction(
        (tx) => {
          const { status } = requireGrant(tx, owner, id);
          const replacements = removeReplacements(tx, owner, id);
          removeGrant(tx, owner, id);
          tell(tx, owner, by, {
            action: 'delete',
            grant: id,
            status,
            ...(replacements.length > 0 && { replacements }),
          });
        },
        { reserve: true },
      );
    },
  };
}

function requireGrant(tx: Transaction, owner: Owner, id: string): StoredGrant {
  const found = isGrantId(id) ? readGrant(tx, owner, id) : undefined;
  if (!found) throw notFound(isGrantId(id) ? `Grant ${id}` : 'This grant');
  return found;
}

/** `inPlaceOf`: a grant that these terms take the place of at once. Errors: CordonError `quota_exceeded`. */
function checkWildcards(tx: Transaction, owner: Owner, terms: GrantTerms, inPlaceOf?: string): void {
  const wildcardsIn = ({ operations }: GrantTerms) => operations.filter(isWildcard).length;
  const added = wildcardsIn(terms);
  if (added === 0) return;
  let used = 0;
  for (const [id, grant] of readGrants(tx, owner)) if (id !== inPlaceOf) used += wildcardsIn(grant.terms);
  if (used + added <= maximumWildcards) return;
  const message = `${added} patterns with * and ${used} in other grants are more than an agent may have`;
  throw new CordonError('quota_exceeded', `The grants of agent ${owner.agent} have too many patterns with *`, {
    quota: { name: 'wildcards', limit: maximumWildcards, used },
    errors: [{ field: 'operations', message }],
  });
}

/** Those that wait to take the place of a grant. */
function removeReplacements(tx: Transaction, owner: Owner, id: string): string[] {
  const waiting = readGrants(tx, owner).filter(([, { replaces }]) => replaces === id);
  for (const [one] of waiting) removeGrant(tx, owner, one);
  return waiting.map(([one]) => one);
}

const isSame = (one: GrantTerms, other: GrantTerms) => isNarrower(one, other) && isNarrower(other, one);
