/**
 * The one table of service errors. A `CordonError` says that the request or the service is at fault;
 * guest code that ends badly is an `Outcome` (sandbox/driver.ts) and never one of these.
 */
export const errorCodes = {
  validation_failed: { status: 400, title: 'The request is not valid' },
  unauthenticated: { status: 401, title: 'A valid API key is required' },
  forbidden: { status: 403, title: 'This key may not do that' },
  not_found: { status: 404, title: 'Not found' },
  method_not_allowed: { status: 405, title: 'Method not allowed' },
  already_exists: { status: 409, title: 'It exists already' },
  conflict: { status: 409, title: 'The current state does not allow that' },
  idempotency_conflict: { status: 409, title: 'The Idempotency-Key was used with another request' },
  revision_mismatch: { status: 412, title: 'The revision does not match' },
  too_large: { status: 413, title: 'Too large' },
  range_not_satisfiable: { status: 416, title: 'The range cannot be satisfied' },
  quota_exceeded: { status: 429, title: 'A quota is used up' },
  internal: { status: 500, title: 'Cordon failed' },
  queue_full: { status: 503, title: 'The queue is full' },
  shutting_down: { status: 503, title: 'Cordon is shutting down' },
  storage_full: { status: 503, title: 'The disk is full' },
  walls_missing: { status: 503, title: 'A required wall does not stand on this machine' },
  driver_unavailable: { status: 503, title: 'No driver for this language is available' },
} as const;

export type ErrorCode = keyof typeof errorCodes;

/** One wrong field of a request; `field` is its path with dots, such as `limits.cpuMs`. */
export interface FieldError {
  field: string;
  message: string;
}

export interface ErrorDetails {
  /** Fields at fault, for 400 and 413. */
  errors?: FieldError[];
  /** Seconds until a retry can succeed, for 429 and 503. */
  retryAfterSeconds?: number;
  /** Which quota, how much, until when; for 429. */
  quota?: { name: string; limit: number; used: number; resetAt?: string };
  cause?: unknown;
}

/** An error of the request or the service, with a stable code. `message` is shown to callers: no host path, no secret. */
export class CordonError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'CordonError';
    this.code = code;
    this.details = details;
  }

  get status(): number {
    return errorCodes[this.code].status;
  }
}

/** Shorthand for the one mistake that names a field. */
export function fieldError(field: string, message: string): CordonError {
  return new CordonError('validation_failed', `${field}: ${message}`, { errors: [{ field, message }] });
}

/** A foreign id and an unknown id answer alike. */
export function notFound(what: string): CordonError {
  return new CordonError('not_found', `${what} does not exist`);
}
