import type { Keys } from '../runtime/agent/keys.ts';
import type { Principal } from '../runtime/agent/roles.ts';
import { CordonError } from '../runtime/errors.ts';

/** Longer ones cannot be keys and are not hashed. */
const MAX_KEY_LENGTH = 512;

/** The key of a request: `Authorization: Bearer KEY`, or `X-API-Key`, beside which a proxy may have its own `Authorization`. */
export function presentedKey(headers: Headers): string | undefined {
  const authorization = headers.get('authorization') ?? '';
  if (!/^Bearer\b/i.test(authorization)) return headers.get('x-api-key') ?? undefined;
  return /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
}

/** Errors: CordonError `unauthenticated`, the same for a missing, malformed and unknown key. */
export async function authenticate(keys: Keys, headers: Headers): Promise<Principal> {
  const key = presentedKey(headers);
  const principal = key === undefined || key.length > MAX_KEY_LENGTH ? undefined : await keys.authenticate(key);
  if (principal === undefined)
    throw new CordonError('unauthenticated', 'Send a valid key as "Authorization: Bearer KEY" or "X-API-Key: KEY".');
  return principal;
}
