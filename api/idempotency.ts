import { CordonError, fieldError } from '../runtime/errors.ts';
import type { Json } from '../runtime/json.ts';
import type { Idempotency } from '../runtime/run/idempotency.ts';
import type { Answer } from './answer.ts';
import { presentedKey } from './auth.ts';
import type { Call } from './route.ts';

export const idempotencyHeaders = {
  'Idempotency-Key':
    'A repeat with the same key and body within 24 hours has the effect of one request; another body is 409',
};

/** The caller's key: 1 to 255 printable ASCII characters. Errors: `validation_failed`. */
export function idempotencyKey(call: Pick<Call, 'header'>): string | undefined {
  const key = call.header('idempotency-key');
  if (key === null) return undefined;
  if (!/^[\x20-\x7e]{1,255}$/.test(key))
    throw fieldError('Idempotency-Key', 'must be 1 to 255 printable ASCII characters');
  return key;
}

/** Marks an answer that an earlier request caused. */
export const REPLAYED = { 'idempotent-replayed': 'true' };

/**
 * Creates once per `Idempotency-Key`, and every time without one. `holdsSecret`: the answer shows a secret only this
 * once, so it is kept encrypted under the key of the caller, and only that caller gets it again.
 * `create` is told when an earlier attempt began that a crash cut off.
 */
export async function createOnce<T>(
  idempotency: Idempotency,
  call: Call,
  route: string,
  create: (interruptedAtMs: number | undefined) => Promise<T>,
  answer: (value: T) => Answer,
  holdsSecret = false,
): Promise<Answer> {
  const key = idempotencyKey(call);
  if (key === undefined) return answer(await create(undefined));
  const scope = { tenant: call.tenant, route, key };
  const secret = holdsSecret ? presentedKey(call.request.headers) : undefined;
  const work = async (interruptedAtMs: number | undefined) => (await create(interruptedAtMs)) as Json;
  const { value, reused } = await idempotency.once(scope, call.bodySha256(), work, secret);
  const first = answer(value as T);
  return reused ? { ...first, headers: { ...first.headers, ...REPLAYED } } : first;
}

/**
 * Creates something under an id that the caller chose. When an earlier attempt was cut off by a crash, what has come
 * into being under that id since then is its work. Errors: those of `create`.
 */
export async function createNamed<T extends { createdAt: string }>(
  interruptedAtMs: number | undefined,
  create: () => Promise<T>,
  find: () => Promise<T>,
): Promise<T> {
  try {
    return await create();
  } catch (error) {
    if (interruptedAtMs === undefined || !(error instanceof CordonError) || error.code !== 'already_exists')
      throw error;
    const existing = await find();
    if (Date.parse(existing.createdAt) < interruptedAtMs) throw error;
    return existing;
  }
}
