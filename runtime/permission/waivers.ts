/** Waivers: an admin accepted findings of the pre-flight audit, for a reason. Each covers what was found then, and no more. */
import { hash } from 'node:crypto';
import { checkName } from '../agent/checks.ts';
import type { Audit } from '../audit/audit.ts';
import { type Clock, isoTime } from '../clock.ts';
import { CordonError, notFound } from '../errors.ts';
import { newId } from '../ids.ts';
import type { Owner } from '../sandbox/driver.ts';
import type { Store } from '../store/store.ts';
import type { Grant } from './grant.ts';
import { type Finding, severities } from './preflight/finding.ts';

/** How far a grant went when it was accepted: one that waits can still be changed under its id. */
export type GrantBounds = Pick<Grant, 'as' | 'requiresApproval' | 'maxCalls' | 'expiresAt'> & {
  /** Of its constraints; absent: it had none. */
  constraintsSha256?: string;
};

/** What of a finding must not grow for the waiver to hold. */
export type Covered = Pick<Finding, 'severity' | 'grant' | 'connector' | 'operation' | 'operations'> & {
  bounds?: GrantBounds;
};

export interface Waiver {
  id: string;
  agent: string;
  check: string;
  /** Only findings about this grant; absent: all that the check had found. */
  grant?: string;
  reason: string;
  covers: Covered[];
  /** Key of the admin. */
  by: string;
  createdAt: string;
}

export interface Waivers {
  /**
   * `covered`: the findings that it accepts; `grants`: those that they are about, as they are now. Durable when it resolves.
   * Errors: CordonError `validation_failed` (reason), `quota_exceeded` above 200 of an agent.
   */
  create(
    owner: Owner,
    input: { check: string; grant?: string | undefined; reason: string },
    covered: readonly Finding[],
    by: { key: string },
    grants?: readonly Grant[],
  ): Promise<Waiver>;
  /** Oldest first. */
  list(owner: Owner): Promise<Waiver[]>;
  /** Errors: `not_found`. */
  delete(owner: Owner, id: string, by: { key: string }): Promise<void>;
  /** Of an agent that is deleted. */
  forget(owner: Owner): Promise<void>;
  forgetTenant(tenant: string): Promise<void>;
}

const MAXIMUM = 200;
const waiverId = /^wvr_[0-9a-z]{1,40}$/;

const prefixOf = ({ tenant, agent }: Owner) => ['waiver', tenant, agent];

export function createWaivers({ store, clock, audit }: { store: Store; clock: Clock; audit: Audit }): Waivers {
  async function forgetAll(prefix: string[]): Promise<void> {
    await store.transaction(
      (tx) => {
        for (const { key } of tx.range({ prefix })) tx.delete(key);
      },
      { reserve: true },
    );
  }

  return {
    async create(owner, { check, grant, reason }, covered, { key }, grants = []) {
      const now = clock.now();
      const waiver: Waiver = {
        id: newId('wvr', now),
        agent: owner.agent,
        check,
        ...(grant === undefined ? {} : { grant }),
        reason: checkName(reason, 'reason'),
        covers: covered.map((finding) => {
          const about = grants.find(({ id }) => id === finding.grant);
          return { ...coverOf(finding), ...(about ? { bounds: boundsOf(about) } : {}) };
        }),
        by: key,
        createdAt: isoTime(now),
      };
      await store.transaction((tx) => {
        const used = tx.range({ prefix: prefixOf(owner) }).length;
        if (used >= MAXIMUM)
          throw new CordonError('quota_exceeded', `An agent has at most ${MAXIMUM} waivers`, {
            quota: { name: 'waivers', limit: MAXIMUM, used },
          });
        tx.put([...prefixOf(owner), waiver.id], waiver);
        const { id, covers } = waiver;
        const findings = covers.map(({ operation, operations, ...where }) => ({
          ...where,
          operations: operation === undefined ? (operations?.length ?? 0) : 1,
        }));
        const detail = { action: 'create', waiver: id, check, reason: waiver.reason, findings };
        audit.add(tx, owner.tenant, { kind: 'waiver', agent: owner.agent, key, detail });
      });
      return waiver;
    },

    async list(owner) {
      return (await store.range<Waiver>({ prefix: prefixOf(owner) })).map(({ value }) => value);
    },

    async delete(owner, id, { key }) {
      if (!waiverId.test(id)) throw notFound('This waiver');
      await store.transaction(
        (tx) => {
          const found = tx.get<Waiver>([...prefixOf(owner), id]);
          if (!found) throw notFound(`Waiver ${id}`);
          tx.delete([...prefixOf(owner), id]);
          const detail = { action: 'delete', waiver: id, check: found.value.check };
          audit.add(tx, owner.tenant, { kind: 'waiver', agent: owner.agent, key, detail });
        },
        { reserve: true },
      );
    },

    forget: (owner) => forgetAll(prefixOf(owner)),
    forgetTenant: (tenant) => forgetAll(['waiver', tenant]),
  };
}

/** Marks the findings that a waiver accepts. What has grown since, or become worse, is not covered. */
export function applyWaivers(
  findings: readonly Finding[],
  waivers: readonly Pick<Waiver, 'id' | 'check' | 'covers'>[],
  grants: readonly Grant[] = [],
): Finding[] {
  const byId = new Map(grants.map((grant) => [grant.id, grant]));
  return findings.map((finding) => {
    const waiver = waivers.find(
      ({ check, covers }) =>
        check === finding.check && covers.some((covered) => holds(covered, finding, byId.get(finding.grant ?? ''))),
    );
    return waiver === undefined ? finding : { ...finding, waived: true, waiver: waiver.id };
  });
}

function holds(covered: Covered, finding: Finding, grant: Grant | undefined): boolean {
  if (covered.grant !== finding.grant || covered.connector !== finding.connector) return false;
  if (covered.bounds && (!grant || !isWithinBounds(grant, covered.bounds))) return false;
  if (severities.indexOf(finding.severity) < severities.indexOf(covered.severity)) return false;
  const accepted = operationsIn(covered);
  return operationsIn(finding).every((name) => accepted.includes(name));
}

function boundsOf({ as, requiresApproval, maxCalls, expiresAt, constraints }: Grant): GrantBounds {
  return {
    as,
    requiresApproval,
    ...(maxCalls === undefined ? {} : { maxCalls }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(Object.keys(constraints).length === 0 ? {} : { constraintsSha256: digest(constraints) }),
  };
}

function isWithinBounds(grant: Grant, { as, requiresApproval, maxCalls, expiresAt, constraintsSha256 }: GrantBounds) {
  const { maxCalls: calls = Number.POSITIVE_INFINITY, expiresAt: end } = grant;
  return (
    grant.as === as &&
    (grant.requiresApproval || !requiresApproval) &&
    calls <= (maxCalls ?? Number.POSITIVE_INFINITY) &&
    (expiresAt === undefined || (end !== undefined && Date.parse(end) <= Date.parse(expiresAt))) &&
    (constraintsSha256 === undefined || digest(grant.constraints) === constraintsSha256)
  );
}

/** Whatever the order of the parameters. */
const digest = (constraints: Grant['constraints']): string =>
  hash('sha256', JSON.stringify(Object.entries(constraints).sort(([a], [b]) => (a < b ? -1 : 1))), 'hex');

const operationsIn = ({ operation, operations }: Pick<Finding, 'operation' | 'operations'>): string[] =>
  operation === undefined ? (operations ?? []) : [operation];

export function coverOf({ severity, grant, connector, operation, operations }: Finding): Covered {
  return {
    severity,
    ...(grant === undefined ? {} : { grant }),
    ...(connector === undefined ? {} : { connector }),
    ...(operation === undefined ? {} : { operation }),
    ...(operations === undefined ? {} : { operations }),
  };
}
