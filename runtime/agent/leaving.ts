/**
 * Agents and tenants that are being deleted. What would begin to use one is refused, and a deletion waits for what had
 * begun before: else it could write behind the deletion, for the next agent or tenant of that name to find.
 */
import { CordonError } from '../errors.ts';

/** Without `agent`: the whole tenant. */
export interface Whose {
  tenant: string;
  agent?: string;
}

export interface Leaving {
  /** It is being deleted itself: not only its tenant. */
  has(whose: Whose): boolean;
  /** Errors: CordonError `conflict` while the agent or its tenant is being deleted. */
  refuse(whose: Whose): void;
  /** Does `work`, whose end a deletion that begins meanwhile waits for. Errors: as `refuse`, and those of `work`. */
  use<T>(whose: Whose, work: () => Promise<T>): Promise<T>;
  /** Does `work`, the deletion, and refuses every use until it ends. While one goes on, a second joins it. */
  leave(whose: Whose, work: () => Promise<void>): Promise<void>;
  /** Resolves when every use and, for a tenant, every deletion of an agent has ended that had begun. */
  idle(whose: Whose): Promise<void>;
}

interface UnderWay {
  whose: Whose;
  done: Promise<unknown>;
}

export function createLeaving(): Leaving {
  const departures = new Map<string, UnderWay>();
  const uses = new Set<UnderWay>();
  // Tenants and agents are slugs: the slash keeps them apart.
  const keyOf = ({ tenant, agent }: Whose) => (agent === undefined ? tenant : `${tenant}/${agent}`);
  const has = (whose: Whose) => departures.has(keyOf(whose));

  function refuse(whose: Whose): void {
    const { tenant, agent } = whose;
    if (agent !== undefined && has(whose)) throw new CordonError('conflict', `Agent ${agent} is being deleted`);
    if (has({ tenant })) throw new CordonError('conflict', `Tenant ${tenant} is being deleted`);
  }

  return {
    has,
    refuse,

    async use(whose, work) {
      refuse(whose);
      const use = { whose, done: work() };
      uses.add(use);
      try {
        return await use.done;
      } finally {
        uses.delete(use);
      }
    },

    leave(whose, work) {
      const key = keyOf(whose);
      const first = departures.get(key);
      if (first) return first.done as Promise<void>;
      // Not at once: whatever `work` refuses or asks finds the departure noted.
      const done = Promise.resolve()
        .then(work)
        .finally(() => departures.delete(key));
      departures.set(key, { whose, done });
      return done;
    },

    async idle({ tenant, agent }) {
      const concerns = ({ whose }: UnderWay) =>
        whose.tenant === tenant && (agent === undefined || whose.agent === agent);
      const others = [...departures.values()].filter(({ whose }) => agent === undefined && whose.agent !== undefined);
      await Promise.allSettled([...uses, ...others].filter(concerns).map(({ done }) => done));
    },
  };
}
