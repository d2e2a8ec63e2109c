/** Tells calls under way that the grant they go under was taken back or changed. */
import type { Owner } from '../sandbox/driver.ts';
import type { Store } from '../store/store.ts';

export interface Revocations {
  whenRevoked(owner: Owner, grantId: string, listener: () => void): () => void;
}

export function createRevocations(store: Store): Revocations {
  const waiting = new Map<string, Set<() => void>>();

  store.watch(['grant'], (key) => {
    const name = key.slice(1).join('/');
    const listeners = waiting.get(name);
    waiting.delete(name);
    for (const listener of listeners ?? []) listener();
  });

  return {
    whenRevoked({ tenant, agent }, grantId, listener) {
      const name = `${tenant}/${agent}/${grantId}`;
      const listeners = waiting.get(name) ?? new Set();
      // One entry per call, also when two give the same function.
      const own = () => listener();
      waiting.set(name, listeners.add(own));
      return () => {
        listeners.delete(own);
        if (listeners.size === 0 && waiting.get(name) === listeners) waiting.delete(name);
      };
    },
  };
}
