/** The domain of egress: what a guest asks, what it is answered, and what is told of it. */
import type { Effect } from '../connector/connector.ts';
import type { DenyReason, InWhoseName } from '../permission/grant.ts';
import type { LimitName } from '../sandbox/limits.ts';
import type { User } from '../vault/credential.ts';

/** A guest's request, unchecked. */
export interface EgressRequest {
  method: string;
  url: string;
  headers: [string, string][];
  /** Whole: it is judged before anything leaves. */
  body?: Uint8Array;
}

export interface EgressResponse {
  status: number;
  statusText: string;
  /** Without those of one connection; secrets scrubbed. */
  headers: [string, string][];
  /** Decoded (no content-encoding is left) and scrubbed; ends with EgressError when a cap is reached or the grant is revoked. */
  body: AsyncIterable<Uint8Array>;
  /** That of the last redirect that was followed. */
  url: string;
}

/** A call that was refused or broke. `message` is for the guest: what is missing and how to ask for it; no secret. */
export class EgressError extends Error {
  /** `upstream`: it was allowed, and the service could not be reached or broke off. */
  readonly reason: DenyReason | 'upstream';
  /** The limit of the run that is used up. */
  readonly limit: LimitName | undefined;
  constructor(reason: EgressError['reason'], message: string, options: ErrorOptions & { limit?: LimitName } = {}) {
    super(message, options);
    this.name = reason === 'upstream' ? 'EgressFailed' : reason === 'limit' ? 'QuotaExceeded' : 'EgressDenied';
    this.reason = reason;
    this.limit = options.limit;
  }
}

/** One call, as the run's event and the audit tell it: never a query, a body or a secret. */
export interface EgressCall {
  allowed: boolean;
  reason?: DenyReason | 'upstream';
  method: string;
  host: string;
  connector?: string;
  operation?: string;
  effect?: Effect;
  /** The template, not the path. */
  path?: string;
  status?: number;
  requestBytes?: number;
  responseBytes?: number;
  ms?: number;
  grant?: string;
  as?: InWhoseName;
  onBehalfOf?: User;
  approval?: string;
  /** At the end of a run: refused calls that were not told one by one. */
  more?: number;
}

/** Egress of one run. */
export interface RunEgress {
  /**
   * Judges, sends, and resolves with the head of the response. `follow`: redirects are followed, each judged again.
   * Errors: EgressError.
   */
  request(
    request: EgressRequest,
    options: { redirect: 'follow' | 'manual' | 'error'; signal?: AbortSignal },
  ): Promise<EgressResponse>;
  /** Calls so far, refused ones included. */
  readonly requests: number;
  /** Ends what is under way; nothing is allowed any more. Resolves when everything is told. */
  close(): Promise<void>;
}
