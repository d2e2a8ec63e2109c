/** Keys of issuers, as they publish them: kept for a while, fetched again for a key that is not among them. */
import type { Clock } from '../clock.ts';
import type { KeySet } from './issuer.ts';

/** So long a key that the issuer took back can still be used. */
const FRESH_MS = 10 * 60_000;
/** Between two fetches, whatever tokens come: so that tokens with invented key ids do not make Cordon flood the issuer. */
const PAUSE_MS = 30_000;

export interface KeySetsDeps<Keys> {
  clock: Clock;
  /** Errors: whatever kept the document from being had. */
  fetchKeys(of: KeySource): Promise<KeySet>;
  /** Makes keys ready for use. */
  prepare(set: KeySet): Keys;
}

interface Known<Keys> {
  keys?: Keys;
  fetchedMs: number;
  /** Of the last attempt, whether it worked or not. */
  triedMs: number;
  trying?: Promise<void> | undefined;
}

/** Of an issuer: its tenant, id, and where its keys are. */
export interface KeySource {
  tenant: string;
  id: string;
  uri: string;
}

export interface KeySets<Keys> {
  /** `renewed`: fetched anew unless that was done lately. Undefined when they cannot be had. */
  get(of: KeySource, renewed?: boolean): Promise<Keys | undefined>;
  forget(id: string): void;
}

export function createKeySets<Keys>({ clock, fetchKeys, prepare }: KeySetsDeps<Keys>): KeySets<Keys> {
  const byId = new Map<string, Known<Keys>>();

  async function renew(known: Known<Keys>, of: KeySource): Promise<void> {
    known.triedMs = clock.now();
    try {
      const keys = prepare(await fetchKeys(of));
      known.keys = keys;
      known.fetchedMs = clock.now();
    } catch {
      // What is known goes on until its time is over.
    }
  }

  return {
    async get(of, renewed = false) {
      const { id } = of;
      const known = byId.get(id) ?? { fetchedMs: Number.NEGATIVE_INFINITY, triedMs: Number.NEGATIVE_INFINITY };
      byId.set(id, known);
      const isFresh = () => clock.now() - known.fetchedMs < FRESH_MS;
      if (known.trying !== undefined && (renewed || !isFresh())) await known.trying;
      else if ((renewed || !isFresh()) && clock.now() - known.triedMs >= PAUSE_MS) {
        known.trying = renew(known, of).finally(() => {
          known.trying = undefined;
        });
        await known.trying;
      }
      return isFresh() ? known.keys : undefined;
    },
    forget: (id) => void byId.delete(id),
  };
}
