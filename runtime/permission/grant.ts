/** The domain of permissions: grants only ever narrow what an agent may do, and nothing else allows anything. */
import type { Operation } from '../connector/connector.ts';
import type { Json } from '../json.ts';

/**
 * What one parameter of a call must be. A parameter that is missing, given twice with one wrong value, or unreadable fails;
 * for `absent` one that is given anywhere, or might be.
 */
export type Constraint =
  | { equals: string | number | boolean }
  | { oneOf: (string | number | boolean)[] }
  /** A regular expression (RE2) that the whole value must match. */
  | { pattern: string }
  /** It must not be given at all, with any value. */
  | { absent: true };

/** What is said of one that is none of them. */
export const constraintForms =
  'must be one of {"equals": VALUE}, {"oneOf": [VALUE, ...]}, {"pattern": "RE2"} and {"absent": true}';

/** In whose name calls are made: with the agent's own credential, or with that of the user who asked for the run. */
export type InWhoseName = 'agent' | 'user';

export interface Grant {
  id: string;
  agent: string;
  connector: string;
  /** Names of operations with `*` for any characters, optionally `:EFFECT`: `chat.postMessage`, `files.*:read`, `*:read`. */
  operations: string[];
  /** By name of parameter; all must hold. */
  constraints: Record<string, Constraint>;
  /** ISO 8601. */
  expiresAt?: string;
  /** Calls in its lifetime. */
  maxCalls?: number;
  /** Each call waits for a person. */
  requiresApproval: boolean;
  as: InWhoseName;
  /** `pending`: part of a draft that no activation has taken into force. */
  status: 'in_force' | 'pending';
  /** The grant in force that this one takes the place of when it is activated. */
  replaces?: string;
  createdAt: string;
}

/** What an agent may do now. Frozen and shared. */
export interface Policy {
  /** `draft`: never activated; the gate is closed whatever the grants. */
  status: 'draft' | 'active';
  /** Those in force, in order of creation. */
  grants: readonly Grant[];
  /** Those that wait for an activation. */
  pending: readonly Grant[];
  activatedAt?: string;
}

/** What can be known of a call before it leaves. */
export interface CallFacts {
  /** Whose call it is: for messages. */
  agent: string;
  connector: string;
  operation: Operation;
  parameters: CallParameters;
  nowMs: number;
  /** Calls that were counted against a grant. */
  used(grantId: string): number;
}

/** Values of a call's parameters, wherever they stand. */
export interface CallParameters {
  /**
   * Every value that the service could read for this name: path, query, header, body, more than one when it is repeated.
   * `unreadable`: there is a body that may hold it and cannot be read with one meaning.
   */
  values(name: string): { found: Json[]; unreadable?: string };
  /**
   * What says that the call has the parameter, or may have it for some reader, also where the service should not look for
   * it: "the body has ...". Undefined: it is absent.
   */
  given(name: string): string | undefined;
}

export const denyReasons = [
  'invalid_request',
  'address_refused',
  'no_connector',
  'ambiguous',
  'no_operation',
  'draft',
  'no_grant',
  'constraint',
  'expired',
  'max_calls',
  'approval_denied',
  'approval_expired',
  'credential_missing',
  'credential_expired',
  'credential_revoked',
  'limit',
] as const;
export type DenyReason = (typeof denyReasons)[number];

export type Decision =
  | { allowed: true; grant: Grant }
  /** `grant`: the one that came nearest, for the event. */
  | { allowed: false; reason: DenyReason; message: string; grant?: Grant };
