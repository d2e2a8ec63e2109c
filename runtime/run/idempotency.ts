/** One `Idempotency-Key`, one effect: per tenant and route, durable, kept 24 hours. */
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { CordonError } from '../errors.ts';
import { type Json, parseJson } from '../json.ts';
import type { Key, Store, Transaction } from '../store/store.ts';

export const KEPT_MS = 24 * 3_600_000;
const SWEEP_BATCH = 500;

/** What a key belongs to: the same key of another tenant or route is another one. */
export interface IdempotencyScope {
  tenant: string;
  /** Such as `POST /v1/runs`. */
  route: string;
  key: string;
}

interface Remembered {
  requestSha256: string;
  at: number;
  /** Absent while the first request still works, or was cut off by a crash. */
  value?: Json;
  sealed?: boolean;
}

export interface Idempotency {
  /** What was remembered for this key. Errors: CordonError `idempotency_conflict` when it was used with another request. */
  find(tx: Transaction, scope: IdempotencyScope, requestSha256: string): Json | undefined;
  /** Remembers `value` together with the transaction's other writes. */
  remember(tx: Transaction, scope: IdempotencyScope, requestSha256: string, value: Json): void;
  /**
   * Does `work` once. A repeat while it runs joins it, a later one gets its answer; a failure is forgotten. `work` is told
   * when an earlier attempt began that was cut off by a crash and may have had its effect. With `secret` the answer is
   * stored encrypted under it, so that it is of use only to who can present it again.
   * Errors: those of `work`; `idempotency_conflict` for another request or another secret.
   */
  once<T extends Json>(
    scope: IdempotencyScope,
    requestSha256: string,
    work: (interruptedAtMs: number | undefined) => Promise<T>,
    secret?: string,
  ): Promise<{ value: T; reused: boolean }>;
  /** The tenant is gone, and so is what its keys stood for. */
  forget(tenant: string): Promise<void>;
  /** Removes what is older than 24 hours; answers how many. */
  sweep(): Promise<number>;
}

export function createIdempotency({ store, clock }: { store: Store; clock: Clock }): Idempotency {
  const working = new Map<string, { requestSha256: string; secret: string | undefined; answer: Promise<Json> }>();

  function read(tx: Transaction, scope: IdempotencyScope, requestSha256: string): Remembered | undefined {
    const found = tx.get<Remembered>(entryKey(scope))?.value;
    if (found === undefined || found.at <= clock.now() - KEPT_MS) return undefined;
    if (found.requestSha256 !== requestSha256) throw conflict('another request');
    return found;
  }

  function write(tx: Transaction, scope: IdempotencyScope, entry: Remembered) {
    const key = entryKey(scope);
    const before = tx.get<Remembered>(key)?.value;
    if (before !== undefined) tx.delete(expiryKey(before.at, key));
    tx.put(key, entry);
    tx.put(expiryKey(entry.at, key), null);
  }

  function remove(tx: Transaction, key: Key) {
    const before = tx.get<Remembered>(key)?.value;
    if (before === undefined) return;
    tx.delete(key);
    tx.delete(expiryKey(before.at, key));
  }

  async function attempt<T extends Json>(
    scope: IdempotencyScope,
    requestSha256: string,
    work: (interruptedAtMs: number | undefined) => Promise<T>,
    secret: string | undefined,
  ): Promise<{ value: T; reused: boolean }> {
    const before = await store.transaction((tx) => {
      const found = read(tx, scope, requestSha256);
      if (found === undefined) write(tx, scope, { requestSha256, at: clock.now() });
      return found;
    });
    if (before?.value !== undefined) return { value: reveal(before, secret, scope.key) as T, reused: true };
    let value: T;
    try {
      value = await work(before?.at);
    } catch (error) {
      await store.transaction((tx) => remove(tx, entryKey(scope)));
      throw error;
    }
    const stored = secret === undefined ? { value } : { value: seal(value, secret, scope.key), sealed: true };
    await store.transaction((tx) => write(tx, scope, { requestSha256, at: clock.now(), ...stored }));
    return { value, reused: false };
  }

  return {
    find: (tx, scope, requestSha256) => read(tx, scope, requestSha256)?.value,
    remember: (tx, scope, requestSha256, value) => write(tx, scope, { requestSha256, at: clock.now(), value }),

    async once(scope, requestSha256, work, secret) {
      const name = JSON.stringify(entryKey(scope));
      const running = working.get(name);
      if (running !== undefined) {
        if (running.requestSha256 !== requestSha256) throw conflict('another request');
        if (running.secret !== secret) throw conflict('another API key');
        return { value: (await running.answer) as never, reused: true };
      }
      const first = attempt(scope, requestSha256, work, secret);
      const answer = first.then(({ value }) => value as Json);
      answer.catch(() => {});
      working.set(name, { requestSha256, secret, answer });
      try {
        return await first;
      } finally {
        working.delete(name);
      }
    },

    async forget(tenant) {
      for (;;) {
        const entries = await store.range({ prefix: ['idempotency', tenant], limit: SWEEP_BATCH });
        if (entries.length === 0) return;
        await store.transaction((tx) => {
          for (const { key } of entries) remove(tx, key);
        });
      }
    },

    async sweep() {
      let removed = 0;
      for (;;) {
        const oldest = await store.range({ prefix: ['idempotency_expiry'], limit: SWEEP_BATCH });
        const expired = oldest.filter(({ key }) => (key[1] as number) <= clock.now() - KEPT_MS);
        if (expired.length === 0) return removed;
        await store.transaction((tx) => {
          for (const { key } of expired) {
            const entry = ['idempotency', ...key.slice(2)];
            tx.delete(key);
            // It may have been used again since the range was read.
            if (tx.get<Remembered>(entry)?.value.at === key[1]) tx.delete(entry);
          }
        });
        removed += expired.length;
      }
    },
  };
}

const digest = (text: string) => createHash('sha256').update(text).digest('base64url');

/** Hashed, because a caller's key may be longer than a key of the store. */
const entryKey = (scope: IdempotencyScope): Key => ['idempotency', scope.tenant, scope.route, digest(scope.key)];
const expiryKey = (at: number, entry: Key): Key => ['idempotency_expiry', at, ...entry.slice(1)];

const conflict = (what: string) =>
  new CordonError('idempotency_conflict', `This Idempotency-Key was used with ${what} in the last 24 hours.`);

/** AES-256-GCM under a key that only the caller's secret and its Idempotency-Key give. */
const cipherKey = (secret: string, salt: string) =>
  Buffer.from(hkdfSync('sha256', secret, salt, 'cordon idempotency', 32));

function seal(value: Json, secret: string, salt: string): string {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', cipherKey(secret, salt), iv);
  const text = Buffer.concat([cipher.update(JSON.stringify(value), 'utf8'), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), text]).toString('base64');
}

function reveal(entry: Remembered, secret: string | undefined, salt: string): Json {
  if (!entry.sealed) return entry.value as Json;
  const bytes = Buffer.from(entry.value as string, 'base64');
  try {
    const decipher = createDecipheriv('aes-256-gcm', cipherKey(secret ?? '', salt), bytes.subarray(0, 12));
    decipher.setAuthTag(bytes.subarray(12, 28));
    return parseJson(Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8'));
  } catch {
    throw conflict('another API key');
  }
}
