/** Permissions: which grants an agent has, which are in force, and how much of them is used. */
import type { Audit, ChangedBy } from '../audit/audit.ts';
import type { Clock } from '../clock.ts';
import type { Connector } from '../connector/connector.ts';
import type { Connectors } from '../connector/connectors.ts';
import { CordonError, fieldError } from '../errors.ts';
import type { Owner } from '../sandbox/driver.ts';
import type { Page, PageRequest } from '../store/page.ts';
import type { Key, Store, Transaction } from '../store/store.ts';
import { activateIn, type NamedOperations, nameOperations } from './activation.ts';
import type { Grant, Policy } from './grant.ts';
import { allOf } from './grant-records.ts';
import { createGrants } from './grants.ts';
import { withPauses } from './in-steps.ts';
import { matrixInSteps, type PermissionMatrix } from './matrix.ts';
import { isWildcard } from './operation-pattern.ts';
import type { EffectivePolicy } from './policy.ts';
import { createPolicyCache } from './policy-cache.ts';
import { createRevocations } from './revocations.ts';
import { countCalls, type OperationUse, readUse } from './use.ts';

export interface Permissions {
  /**
   * `pending` until the next activation, also while the agent is a draft. `input`: as grant-input.ts says, unchecked.
   * `sinceMs`: an equal pending grant that was made then or later is taken for this one (an attempt that was cut off).
   * Errors: CordonError `not_found` (the agent), `validation_failed` with the field, `too_large`, `quota_exceeded` above
   * 200 grants, and above 200 patterns with `*` in all of them.
   */
  createGrant(owner: Owner, input: unknown, by: ChangedBy, sinceMs?: number): Promise<Grant>;
  /** Newest first, in force and pending. */
  listGrants(owner: Owner, page: PageRequest): Promise<Page<Grant>>;
  /** Errors: `not_found`. */
  getGrant(owner: Owner, id: string): Promise<Grant>;
  /**
   * What is shown to be narrower takes the place of a grant in force at once, under its id; anything else waits as a
   * pending grant with `replaces`. A pending grant is changed in its place. The last replacement wins.
   * Errors: as `createGrant`, `not_found` (the grant).
   */
  replaceGrant(owner: Owner, id: string, input: unknown, by: ChangedBy): Promise<Grant>;
  /** In force at once, and its pending replacement goes too. Errors: `not_found`. */
  deleteGrant(owner: Owner, id: string, by: ChangedBy): Promise<void>;

  /** On the path of every call: a cached object, the same until something changes. An unknown agent's is an empty draft. */
  policy(owner: Owner): Promise<EffectivePolicy>;
  /** Whether this is still what `policy` gives: to be asked after whatever was waited for (a count, an approval). */
  isCurrent(owner: Owner, policy: EffectivePolicy): boolean;
  /**
   * Takes what is pending into force, and from now on counts the operations that the connectors have now as seen.
   * Asks no questions: the pre-flight is the caller's. `judged`, `judgedConnectors`: the policy that it judged, and the
   * connectors as it saw them, by id: what they became since is not seen.
   * Errors: CordonError `conflict` when the pending grants are others by now, `not_found` (the agent), `quota_exceeded` when
   * the grants name more than 20,000 operations.
   */
  activate(
    owner: Owner,
    by: ChangedBy,
    judged?: Policy,
    judgedConnectors?: ReadonlyMap<string, Connector>,
  ): Promise<EffectivePolicy>;

  /**
   * Counts calls (default: one), part of the caller's transaction. Errors: EgressError `max_calls` when the grant is used up,
   * `no_grant` when it is in force no more.
   */
  count(tx: Transaction, owner: Owner, grant: Grant, connector: string, operation: string, calls?: number): void;
  /** Calls that were counted against a grant, as of the policy that was read last: call `policy` first. */
  used(owner: Owner, grantId: string): number;
  /** Calls `listener` once when the grant is deleted or changed: calls under way end then. Returns the end of it. */
  whenRevoked(owner: Owner, grantId: string, listener: () => void): () => void;

  /** Every operation of every connector that a grant names. */
  matrix(owner: Owner): Promise<PermissionMatrix>;
  /** Calls that were allowed, by operation. */
  uses(owner: Owner): Promise<OperationUse[]>;
  /** Removes all of an agent. Call it when its record is gone: no grant can be made from then on. */
  forget(owner: Owner): Promise<void>;
  forgetTenant(tenant: string): Promise<void>;
}

export interface PermissionsDeps {
  store: Store;
  clock: Clock;
  audit: Pick<Audit, 'add'>;
  connectors: Pick<Connectors, 'get'>;
}

/** Entries that one transaction removes: what holds up the event loop, about a millisecond. */
const BATCH = 200;
/** Attempts to activate while grants of further connectors keep coming in. */
const ATTEMPTS = 5;

export function createPermissions({ store, clock, audit, connectors }: PermissionsDeps): Permissions {
  const cache = createPolicyCache(store);
  const { whenRevoked } = createRevocations(store);

  const findConnector = async (tenant: string, id: string): Promise<Connector | undefined> =>
    connectors.get(tenant, id).catch((error: unknown) => {
      if (error instanceof CordonError && error.code === 'not_found') return undefined;
      throw error;
    });

  const connectorsOf = async ({ tenant }: Owner, policy: Policy) =>
    new Map(await Promise.all(namesOf(policy).map(async (id) => [id, await findConnector(tenant, id)] as const)));

  return {
    ...createGrants({
      store,
      clock,
      audit,
      async connector(tenant, id) {
        const found = await findConnector(tenant, id);
        if (!found) throw fieldError('connector', `${id} does not exist`);
        return found;
      },
    }),

    policy: cache.read,
    isCurrent: cache.isCurrent,
    used: cache.used,
    whenRevoked,

    async activate(owner, by, judged, judgedConnectors) {
      for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
        const now = await cache.read(owner);
        const known = judgedConnectors
          ? new Map(namesOf(judged ?? now).map((id) => [id, judgedConnectors.get(id)]))
          : await connectorsOf(owner, now);
        const named = await namedOperations(now, known);
        const activated = await store.transaction((tx) => {
          const done = activateIn(tx, owner, named, clock.now(), judged);
          if (done) {
            const detail = { action: 'activate', grants: done.grants, replaced: done.replaced };
            audit.add(tx, owner.tenant, { kind: 'activation', agent: owner.agent, key: by.key, detail });
          }
          return done;
        });
        if (activated) return cache.read(owner);
      }
      throw new CordonError('conflict', 'The grants keep changing: try again');
    },

    count: (tx, owner, grant, connector, operation, calls = 1) =>
      countCalls(tx, owner, grant, connector, operation, { calls, nowMs: clock.now() }),

    async matrix(owner) {
      const policy = await cache.read(owner);
      const known = await connectorsOf(owner, policy);
      const steps = matrixInSteps({
        policy,
        connectors: new Map([...known].flatMap(([id, connector]) => (connector ? [[id, connector] as const] : []))),
        use: await readUse(store, owner),
        nowMs: clock.now(),
        used: (id) => cache.used(owner, id),
      });
      return withPauses(steps);
    },

    uses: (owner) => readUse(store, owner),

    forget: ({ tenant, agent }) => remove([tenant, agent]),
    forgetTenant: (tenant) => remove([tenant]),
  };

  async function remove(whose: Key): Promise<void> {
    for (const prefix of allOf(whose))
      for (;;) {
        const found = await store.range({ prefix, limit: BATCH });
        if (found.length === 0) break;
        await store.transaction((tx) => {
          for (const { key } of found) tx.delete(key);
        });
      }
  }
}

/** Of the connectors that grants name. */
const namesOf = ({ grants, pending }: Policy): string[] => [
  ...new Set([...grants, ...pending].map(({ connector }) => connector)),
];

async function namedOperations(
  { grants, pending }: Policy,
  connectors: ReadonlyMap<string, Connector | undefined>,
): Promise<Map<string, NamedOperations | undefined>> {
  const all = [...grants, ...pending];
  const named = new Map<string, NamedOperations | undefined>();
  for (const [id, connector] of connectors) {
    const patterns = all.filter((grant) => grant.connector === id).flatMap(({ operations }) => operations);
    named.set(id, connector && (await withPauses(nameOperations(new Set(patterns.filter(isWildcard)), connector))));
  }
  return named;
}
