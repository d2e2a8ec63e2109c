/** Access tokens by credential: kept until shortly before they expire, and fetched by one request at a time. */
import type { Clock } from '../../clock.ts';
import { EgressError } from '../egress.ts';
import { type AccessToken, TokenRefused } from './token-answer.ts';

/** A token that expires while a call is on its way is refused there: this much is left, or a tenth of a short life. */
const MARGIN_MS = 60_000;
/** Where the service does not say how long: RFC 6749 leaves it open. */
const DEFAULT_LIFETIME_MS = 10 * 60_000;
/** How long a "no" is believed, and the least time between two tokens that a service found wanting. */
const PATIENCE_MS = 10_000;
const MAX_ENTRIES = 10_000;

/** Which credential, and by which scheme: a token is never used for another version of either. */
export interface TokenKey {
  tenant: string;
  connector: string;
  credentialId: string;
  version: number;
}

export interface GetOptions {
  /** The scheme as text: another one makes what is kept worthless. */
  scheme: string;
  signal: AbortSignal;
  /** Nothing is kept beyond it. */
  revoked: AbortSignal;
  fetch(refreshToken: string | undefined): Promise<AccessToken>;
  /** Told of a refresh token that takes the place of the former one; told again with the next when it fails. */
  keep(refreshToken: string): Promise<void>;
}

export interface AccessTokens {
  /**
   * `fetch` is called when there is none in force; `refreshToken` is the newest that the service gave.
   * Errors: those of `fetch` and `keep`; the reason of `signal`.
   */
  get(key: TokenKey, options: GetOptions): Promise<{ token: string; refreshToken: string | undefined }>;
  /**
   * The service refused this token (of the last call, if not given). Resolves to whether another attempt is worth it:
   * not when tokens are found wanting faster than a service would have them fetched.
   */
  forget(key: TokenKey, token?: string): boolean;
}

interface Entry {
  scheme: string;
  token?: string | undefined;
  useUntilMs: number;
  refreshToken?: string | undefined;
  keptRefreshToken?: string | undefined;
  flight?: Promise<void> | undefined;
  refusal?: TokenRefused | undefined;
  refusedUntilMs: number;
  forgottenAtMs: number;
}

export function createAccessTokens({ clock }: { clock: Clock }): AccessTokens {
  const entries = new Map<string, Entry>();

  function entryOf(name: string, scheme: string): Entry {
    const found = entries.get(name);
    if (found?.scheme === scheme) return found;
    const made: Entry = { scheme, useUntilMs: 0, refusedUntilMs: 0, forgottenAtMs: Number.NEGATIVE_INFINITY };
    makeRoom();
    entries.set(name, made);
    return made;
  }

  /** What expired goes, then the oldest; a refresh token that may stand nowhere else goes last of all. */
  function makeRoom(): void {
    const now = clock.now();
    for (const [name, { flight, refreshToken, useUntilMs, refusedUntilMs }] of entries)
      if (!flight && refreshToken === undefined && now >= Math.max(useUntilMs, refusedUntilMs)) entries.delete(name);
    if (entries.size < MAX_ENTRIES) return;
    const idle = [...entries].filter(([, { flight }]) => !flight);
    const [victim] = idle.find(([, { refreshToken }]) => refreshToken === undefined) ?? idle[0] ?? [];
    if (victim !== undefined) entries.delete(victim);
  }

  async function fly(entry: Entry, { fetch, keep }: Pick<GetOptions, 'fetch' | 'keep'>): Promise<void> {
    try {
      const { token, lifetimeMs = DEFAULT_LIFETIME_MS, refreshToken } = await fetch(entry.refreshToken);
      // First of all: the former one may be dead from now on.
      entry.refreshToken = refreshToken ?? entry.refreshToken;
      if (entry.refreshToken !== undefined && entry.refreshToken !== entry.keptRefreshToken) {
        await keep(entry.refreshToken);
        entry.keptRefreshToken = entry.refreshToken;
      }
      entry.token = token;
      entry.useUntilMs = clock.now() + lifetimeMs - Math.min(MARGIN_MS, lifetimeMs / 10);
      entry.refusal = undefined;
    } catch (error) {
      entry.refusal = error instanceof TokenRefused ? error : undefined;
      entry.refusedUntilMs = clock.now() + PATIENCE_MS;
      throw error;
    } finally {
      entry.flight = undefined;
    }
  }

  return {
    async get(key, options) {
      const { scheme, signal, revoked } = options;
      signal.throwIfAborted();
      revoked.throwIfAborted();
      const name = nameOf(key);
      const entry = entryOf(name, scheme);
      // Of each caller's lease: that of the first may be over when the credential is revoked.
      revoked.addEventListener('abort', () => entries.get(name) === entry && entries.delete(name), { once: true });
      const now = clock.now();
      if (entry.token === undefined || now >= entry.useUntilMs) {
        if (entry.refusal && now < entry.refusedUntilMs) throw entry.refusal;
        entry.flight ??= fly(entry, options);
        await unlessAborted(entry.flight, signal);
      }
      // What was fetched serves those who waited for it, even if its life is shorter than the wait.
      if (entry.token === undefined) throw new EgressError('upstream', 'the access token was withdrawn');
      return { token: entry.token, refreshToken: entry.refreshToken };
    },

    forget(key, token) {
      const entry = entries.get(nameOf(key));
      if (!entry) return false;
      // Another call found it out before, and the next one takes the new token.
      if (entry.token === undefined || (token !== undefined && token !== entry.token)) return true;
      if (clock.now() - entry.forgottenAtMs < PATIENCE_MS) return false;
      entry.forgottenAtMs = clock.now();
      entry.token = undefined;
      return true;
    },
  };
}

const nameOf = ({ tenant, connector, credentialId, version }: TokenKey) =>
  JSON.stringify([tenant, connector, credentialId, version]);

/** The flight goes on for the others when one caller leaves. */
async function unlessAborted(flight: Promise<void>, signal: AbortSignal): Promise<void> {
  const left = Promise.withResolvers<never>();
  const leave = () => left.reject(signal.reason);
  signal.addEventListener('abort', leave, { once: true });
  try {
    await Promise.race([flight, left.promise]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
