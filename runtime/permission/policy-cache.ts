/** Policies in memory, as the gate reads them: at each call, without the disk. */
import { isoTime } from '../clock.ts';
import type { Owner } from '../sandbox/driver.ts';
import type { Store } from '../store/store.ts';
import type { Policy } from './grant.ts';
import { readGrants, readPolicy, readSeen, toGrant } from './grant-records.ts';
import { compilePolicy, type EffectivePolicy, type SeenOperations } from './policy.ts';
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
  /** About what it takes, as far as it has been read. */
  memory: number;
}

/** Bytes that policies in memory take together, about. */
const MAXIMUM_MEMORY = 64 * 1024 * 1024;

/** `maximumMemory`: bytes; beyond them the policy that was not asked for the longest goes. */
export function createPolicyCache(store: Store, maximumMemory = MAXIMUM_MEMORY): PolicyCache {
  /** The last asked for at the end. */
  const cache = new Map<string, Cached>();
  let memory = 0;
  const nameOf = ({ tenant, agent }: Owner) => `${tenant}/${agent}`;
  for (const kind of ['grant', 'grant-seen', 'policy']) store.watch([kind], (key) => drop(`${key[1]}/${key[2]}`));

  function drop(name: string): void {
    memory -= cache.get(name)?.memory ?? 0;
    cache.delete(name);
  }

  /** A policy that is too large by itself stays until another one is read. */
  function grow(name: string, entry: Cached, bytes: number): void {
    entry.memory += bytes;
    memory += bytes;
    for (const oldest of cache.keys()) {
      if (memory <= maximumMemory) break;
      if (oldest !== name) drop(oldest);
    }
  }

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
    const compiled = compilePolicy(
      owner.agent,
      {
        status: policy ? 'active' : 'draft',
        grants: Object.freeze(grants.filter(({ status }) => status === 'in_force')),
        pending: Object.freeze(grants.filter(({ status }) => status === 'pending')),
        ...(policy ? { activatedAt: isoTime(policy.activatedMs) } : {}),
      },
      seen,
    );
    return { compiled, bytes: memoryOf(compiled, seen) };
  };

  return {
    read(owner) {
      const name = nameOf(owner);
      const before = cache.get(name);
      if (before) {
        cache.delete(name);
        cache.set(name, before);
        return before.reading;
      }
      const used = new Map<string, number>();
      const loading = load(owner, used);
      const entry: Cached = { reading: loading.then(({ compiled }) => compiled), used, memory: 0 };
      cache.set(name, entry);
      grow(name, entry, POLICY);
      loading.then(
        ({ compiled, bytes }) => {
          entry.policy = compiled;
          if (cache.get(name) === entry) grow(name, entry, bytes);
        },
        () => {
          if (cache.get(name) === entry) drop(name);
        },
      );
      return entry.reading;
    },

    isCurrent: (owner, policy) => cache.get(nameOf(owner))?.policy === policy,

    used: (owner, grantId) => cache.get(nameOf(owner))?.used.get(grantId) ?? 0,
  };
}

/** As measured, rounded up: a policy without grants, a grant, one of its patterns, a constraint's expression, one of its values, an operation seen. */
const POLICY = 4000;
const GRANT = 2000;
const PATTERN = 600;
const EXPRESSION = 25_000;
const VALUE = 120;
const SEEN = 100;

/** About how many bytes a policy takes in memory, ready for decisions. */
export function memoryOf({ grants, pending }: Policy, seen: SeenOperations): number {
  let bytes = 0;
  for (const grant of [...grants, ...pending]) {
    bytes += GRANT + 2 * JSON.stringify(grant).length + PATTERN * grant.operations.length;
    for (const constraint of Object.values(grant.constraints))
      bytes += 'pattern' in constraint ? EXPRESSION : 'oneOf' in constraint ? VALUE * constraint.oneOf.length : VALUE;
  }
  for (const operations of seen.values()) bytes += SEEN * operations.size;
  return bytes;
}

/** Counts only rise: what was told while they were read is not taken back. */
const note = (used: Map<string, number>, id: string, count: number) => used.set(id, Math.max(used.get(id) ?? 0, count));
