/** Policies in memory, as the gate reads them: at each call, without the disk. */
import { isoTime } from '../clock.ts';
import type { Owner } from '../sandbox/driver.ts';
import type { Key, Store } from '../store/store.ts';
import { readGrants, readPolicy, readSeen, toGrant } from './grant-records.ts';
import { compilePolicy, type EffectivePolicy } from './policy.ts';
import { readCounts } from './use.ts';

export interface PolicyCache {
  read(owner: Owner): Promise<EffectivePolicy>;
  isCurrent(owner: Owner, policy: EffectivePolicy): boolean;
  used(owner: Owner, grantId: string): number;
}

interface Cached {
  reading: Promise<EffectivePolicy>;
  policy?: EffectivePolicy;
  /** Calls by grant. */
  used: Map<string, number>;
}

const CACHED = 10_000;

export function createPolicyCache(store: Store): PolicyCache {
  const cache = new Map<string, Cached>();
  const nameOf = ({ tenant, agent }: Owner) => `${tenant}/${agent}`;
  const drop = (key: Key) => cache.delete(`${key[1]}/${key[2]}`);
  for (const kind of ['grant', 'grant-seen', 'policy']) store.watch([kind], drop);

  store.watch(['grant-count'], (key, value) => {
    const used = cache.get(`${key[1]}/${key[2]}`)?.used;
    const id = String(key[3]);
    if (value === undefined) used?.delete(id);
    else if (used) note(used, id, value as number);
  });

  /** One state of the store: a change on its way drops the entry when it is told, whether this read saw it or not. */
  const load = async (owner: Owner, used: Cached['used']) => {
    const { policy, grants, seen, counts } = await store.transaction((tx) => ({
      policy: readPolicy(tx, owner),
      grants: readGrants(tx, owner).map(([id, grant]) => toGrant(owner, id, grant)),
      seen: readSeen(tx, owner),
      counts: readCounts(tx, owner),
    }));
    for (const [id, count] of counts) note(used, id, count);
    return compilePolicy(
      owner.agent,
      {
        status: policy ? 'active' : 'draft',
        grants: Object.freeze(grants.filter(({ status }) => status === 'in_force')),
        pending: Object.freeze(grants.filter(({ status }) => status === 'pending')),
        ...(policy ? { activatedAt: isoTime(policy.activatedMs) } : {}),
      },
      seen,
    );
  };

  return {
    read(owner) {
      const name = nameOf(owner);
      const before = cache.get(name);
      if (before) return before.reading;
      if (cache.size >= CACHED) cache.clear();
      const used = new Map<string, number>();
      const entry: Cached = { reading: load(owner, used), used };
      cache.set(name, entry);
      entry.reading.then(
        (policy) => {
          entry.policy = policy;
        },
        () => {
          if (cache.get(name) === entry) cache.delete(name);
        },
      );
      return entry.reading;
    },

    isCurrent: (owner, policy) => cache.get(nameOf(owner))?.policy === policy,

    used: (owner, grantId) => cache.get(nameOf(owner))?.used.get(grantId) ?? 0,
  };
}

/** Counts only rise: what was told while they were read is not taken back. */
const note = (used: Map<string, number>, id: string, count: number) => used.set(id, Math.max(used.get(id) ?? 0, count));
