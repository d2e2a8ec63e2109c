/** The pre-flight audit of an agent's policy, and the activation that it guards. */
import { setImmediate as pause } from 'node:timers/promises';
import type { Clock } from '../../clock.ts';
import type { Connector } from '../../connector/connector.ts';
import type { Connectors } from '../../connector/connectors.ts';
import { CordonError, type FieldError, fieldError } from '../../errors.ts';
import type { Owner } from '../../sandbox/driver.ts';
import type { Credential } from '../../vault/credential.ts';
import type { Vault } from '../../vault/vault.ts';
import type { Grant, Policy } from '../grant.ts';
import { withPauses } from '../in-steps.ts';
import { knownConnectors } from '../known-connectors.ts';
import type { Permissions } from '../permissions.ts';
import { applyWaivers, type Waiver, type Waivers } from '../waivers.ts';
import { checks as allChecks } from './checks.ts';
import {
  type Check,
  defaultPreflightSettings,
  type Finding,
  type JudgedGrant,
  type OperationUse,
  type PolicyFacts,
  type PreflightSettings,
} from './finding.ts';
import { blocking, findAll, grantsAfterActivation, judgeInSteps } from './judge.ts';

export interface PreflightReport {
  agent: string;
  status: Policy['status'];
  /** An activation would pass. */
  ok: boolean;
  /** Worst first. */
  findings: Finding[];
}

export interface Preflight {
  /** What an activation now would be judged by: grants in force and pending ones together. */
  report(owner: Owner): Promise<PreflightReport>;
  /**
   * Takes the pending grants into force. Errors: CordonError `conflict` with each finding that blocks in `errors`,
   * or when the pending grants changed while they were judged.
   */
  activate(owner: Owner, by: { key: string }): Promise<Policy>;
  /**
   * Accepts what a check finds now, of one grant or of all. Errors: `validation_failed` (check unknown or without a finding,
   * grant, reason), `quota_exceeded`.
   */
  waive(owner: Owner, input: WaiverInput, by: { key: string }): Promise<Waiver>;
  /** Oldest first. */
  waivers(owner: Owner): Promise<Waiver[]>;
  /** Errors: `not_found`. */
  deleteWaiver(owner: Owner, id: string, by: { key: string }): Promise<void>;
  forget(owner: Owner): Promise<void>;
  forgetTenant(tenant: string): Promise<void>;
}

export interface WaiverInput {
  check: string;
  grant?: string | undefined;
  reason: string;
}

export interface PreflightDeps {
  permissions: Pick<Permissions, 'policy' | 'activate' | 'uses' | 'used'>;
  connectors: Pick<Connectors, 'get'>;
  vault: Pick<Vault, 'find' | 'list'>;
  waivers: Waivers;
  clock: Clock;
  settings?: PreflightSettings;
  /** Those that findings come from; features of their own add theirs. */
  checks?: readonly Check[];
}

const PAGE = 200;

export function createPreflight({
  permissions,
  connectors,
  vault,
  waivers,
  clock,
  settings = defaultPreflightSettings,
  checks = allChecks,
}: PreflightDeps): Preflight {
  /** `known`: the connectors as they were judged. */
  async function judge(owner: Owner): Promise<{ policy: Policy; known: Map<string, Connector>; findings: Finding[] }> {
    const policy = await permissions.policy(owner);
    const { facts, known } = await collect(owner, policy);
    return {
      policy,
      known,
      findings: applyWaivers(findAll(checks, facts), await waivers.list(owner), grantsOf(policy)),
    };
  }

  async function collect(owner: Owner, policy: Policy): Promise<{ facts: PolicyFacts; known: Map<string, Connector> }> {
    const granted = grantsAfterActivation(policy);
    const named = granted.map(({ connector }) => connector);
    const known = await knownConnectors(connectors, owner.tenant, named);
    const grants: JudgedGrant[] = [];
    for (const grant of granted) {
      const calls = permissions.used(owner, grant.id);
      grants.push(await withPauses(judgeInSteps(grant, known.get(grant.connector), calls)));
      await pause();
    }
    const use = await usesOf(owner);
    const facts: PolicyFacts = {
      agent: owner.agent,
      status: policy.status,
      activatedAt: policy.activatedAt,
      grants,
      credentials: await credentialsOf(owner, granted),
      use: (connector, operation) => use.get(useKey(connector, operation)),
      nowMs: clock.now(),
      settings,
    };
    return { facts, known };
  }

  async function usesOf(owner: Owner): Promise<Map<string, OperationUse>> {
    const uses = await permissions.uses(owner);
    return new Map(uses.map(({ connector, operation, ...use }) => [useKey(connector, operation), use]));
  }

  /** The agent's own and, of users', one for each connector: more are not looked at. */
  async function credentialsOf({ tenant, agent }: Owner, grants: readonly Grant[]): Promise<Credential[]> {
    const needs = new Map(grants.map(({ connector, as }) => [`${as} ${connector}`, { connector, as }]));
    const found = await Promise.all(
      [...needs.values()].map(({ connector, as }) =>
        as === 'agent' ? vault.find(tenant, connector, { agent }) : someUsersCredential(tenant, connector),
      ),
    );
    return found.filter((credential) => credential !== undefined);
  }

  async function someUsersCredential(tenant: string, connector: string): Promise<Credential | undefined> {
    for (let cursor: string | undefined; ; ) {
      const page = await vault.list(tenant, { limit: PAGE, cursor, connector });
      const found = page.items.find(({ holder }) => 'user' in holder);
      cursor = page.nextCursor;
      if (found || cursor === undefined) return found;
    }
  }

  return {
    async report(owner) {
      const { policy, findings } = await judge(owner);
      return { agent: owner.agent, status: policy.status, ok: blocking(findings).length === 0, findings };
    },

    async activate(owner, by) {
      const { policy, known, findings } = await judge(owner);
      const errors = blocking(findings);
      if (errors.length > 0)
        throw new CordonError(
          'conflict',
          `The pre-flight audit found ${errors.length} ${errors.length === 1 ? 'error' : 'errors'} in the policy of agent ${owner.agent}. Mend them, or let an admin record a waiver with a reason.`,
          { errors: errors.map(fieldOf) },
        );
      // What came in while it was judged was not judged, neither grants nor operations.
      return permissions.activate(owner, by, policy, known);
    },

    async waive(owner, { check, grant, reason }, by) {
      if (!checks.some(({ name }) => name === check))
        throw fieldError('check', `must be one of ${checks.map(({ name }) => name).join(', ')}`);
      const { policy, findings } = await judge(owner);
      const ofCheck = findings.filter((finding) => finding.check === check);
      if (ofCheck.length === 0) throw fieldError('check', `finds nothing in the policy of agent ${owner.agent}`);
      const covered = grant === undefined ? ofCheck : ofCheck.filter((finding) => finding.grant === grant);
      if (covered.length === 0) throw fieldError('grant', `${check} finds nothing about this grant`);
      return waivers.create(owner, { check, grant, reason }, covered, by, grantsOf(policy));
    },

    waivers: waivers.list,
    deleteWaiver: waivers.delete,
    forget: waivers.forget,
    forgetTenant: waivers.forgetTenant,
  };
}

const grantsOf = ({ grants, pending }: Policy): Grant[] => [...grants, ...pending];

/** Names cannot hold it. */
const useKey = (connector: string, operation: string) => `${connector}\n${operation}`;

function fieldOf({ check, grant, connector, operation, reason, mend }: Finding): FieldError {
  const where =
    grant === undefined ? (connector === undefined ? 'policy' : `connectors.${connector}`) : `grants.${grant}`;
  return {
    field: operation === undefined ? where : `${where}.${operation}`,
    message: `${check}: ${reason} ${mend}`,
  };
}
