/** The domain of the pre-flight audit: what is known of a policy, and what is found wrong with it. */
import type { Connector, Operation } from '../../connector/connector.ts';
import type { Credential } from '../../vault/credential.ts';
import type { Grant } from '../grant.ts';

/** Worst first. `error` blocks an activation until it is mended or waived. */
export const severities = ['error', 'warning', 'info'] as const;
export type Severity = (typeof severities)[number];

export interface Finding {
  /** Name of the check. */
  check: string;
  severity: Severity;
  grant?: string;
  connector?: string;
  /** When it is about one; else `operations`. */
  operation?: string;
  operations?: string[];
  reason: string;
  /** What to do about it. */
  mend: string;
  /** An admin accepted it: it blocks nothing. */
  waived?: true;
  waiver?: string;
}

/** A grant that would be in force after an activation now, with what its patterns match today. */
export interface JudgedGrant {
  grant: Grant;
  /** Undefined: it does not exist (any more). */
  connector: Connector | undefined;
  /** In the order of `grant.operations`. */
  patterns: { pattern: string; isWildcard: boolean; operations: Operation[] }[];
  /** Of all patterns, each once, in the connector's order. */
  operations: Operation[];
  /** Calls that were counted against it. */
  calls: number;
}

export interface OperationUse {
  count: number;
  /** ISO 8601. */
  lastAt?: string;
}

export interface PreflightSettings {
  /** A grant without a call for so long is called unused. */
  unusedAfterMs: number;
  /** Age of a secret from which it is worth a warning. */
  secretWarnAfterMs: number;
  /** Age from which the vault refuses it; absent: never. */
  secretRefuseAfterMs?: number | undefined;
}

export const defaultPreflightSettings: PreflightSettings = {
  unusedAfterMs: 30 * 24 * 3_600_000,
  secretWarnAfterMs: 30 * 24 * 3_600_000,
};

/** All that checks may look at. Plain data: the same whether it comes from the store or from a file. */
export interface PolicyFacts {
  agent: string;
  status: 'draft' | 'active';
  /** ISO 8601. */
  activatedAt?: string | undefined;
  grants: readonly JudgedGrant[];
  /** Of the agent and of users, for the connectors of the grants; undefined: not known here, and not judged. */
  credentials: readonly Credential[] | undefined;
  use(connector: string, operation: string): OperationUse | undefined;
  nowMs: number;
  settings: PreflightSettings;
}

/** One rule. Pure: the same facts give the same findings. */
export interface Check {
  /** Unique; waivers name it. */
  name: string;
  find(facts: PolicyFacts): Omit<Finding, 'check'>[];
}
