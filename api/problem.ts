import { CordonError, type ErrorCode, errorCodes, type FieldError } from '../runtime/errors.ts';
import type { Answer } from './answer.ts';

/** RFC 9457. `type` resolves to nothing: the code is what programs compare. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ErrorCode;
  errors?: FieldError[];
  quota?: { name: string; limit: number; used: number; resetAt?: string };
  requestId: string;
}

/** Any thrown value as the error that callers may see: what is not a `CordonError` says nothing of itself. */
export function publicError(error: unknown): CordonError {
  if (error instanceof CordonError) return error;
  return new CordonError(
    'internal',
    'Cordon failed to answer this request. The log has the cause under the request id.',
    {
      cause: error,
    },
  );
}

/** The problem document of an error. 503 and 429 always say when to come back. */
export function problemAnswer(error: CordonError, requestId: string, headers: Record<string, string> = {}): Answer {
  const { status, title } = errorCodes[error.code];
  const { errors, quota, retryAfterSeconds } = error.details;
  const problem: Problem = {
    type: `urn:cordon:problem:${error.code}`,
    title,
    status,
    detail: error.message,
    code: error.code,
    ...(errors !== undefined && { errors }),
    ...(quota !== undefined && { quota }),
    requestId,
  };
  const extra: Record<string, string> = { ...headers, 'content-type': 'application/problem+json' };
  if (status === 401) extra['www-authenticate'] = 'Bearer realm="cordon"';
  if (status === 429 || status === 503) extra['retry-after'] = String(Math.max(1, Math.ceil(retryAfterSeconds ?? 1)));
  return { status, headers: extra, body: JSON.stringify(problem), code: error.code };
}
