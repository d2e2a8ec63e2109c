/**
 * Lists of attacks become tests: all of them in isolates, every fifth in containers. CORDON_TEST_LONG=1
 * (`npm run test:long`) makes all of them in containers under runc, and again under gVisor where the engine has it.
 * What only containers have is attacked in container-*.test.ts, under runc always.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEngine } from '../../runtime/sandbox/container/engine.ts';
import { gvisorNames } from '../../runtime/sandbox/container/runtimes.ts';
import { engineAddress, noEngine } from '../sandbox/container/engine.ts';
import { long } from '../store/scratch.ts';
import { expectNoStrays, openArena, roomOfPrograms } from './arena.ts';
import type { Arena, Attack } from './attack.ts';
import { workerPids } from './processes.ts';

const EVERY = long ? 1 : 5;

/** Why nothing can be attacked under gVisor here; undefined: it can. */
export const noGvisor = await (async () => {
  if (noEngine !== undefined) return noEngine;
  const engine = createEngine(engineAddress);
  try {
    const { runtimes } = await engine.facts();
    return gvisorNames.some((name) => runtimes.includes(name)) ? undefined : 'the engine has no runtime runsc';
  } finally {
    engine.close();
  }
})();

/** A file of attacks, five at a time, each by an agent of its own against one service. */
export function attacks(title: string, list: readonly Attack[]): void {
  attacksAt(title, list, {});
  attacksInContainers(title, list);
}

/** The same attacks on the programs of a container: every fifth, or all. */
export function attacksInContainers(title: string, list: readonly Attack[]): void {
  const chosen = list.filter(({ inContainer }) => inContainer !== false).filter((_, index) => index % EVERY === 0);
  if (chosen.length > 0) containerAttacks(`${title}, in containers`, chosen.map(inContainer));
}

/**
 * Attacks that only containers know: all of them under runc. Under gVisor those that can be made there, in the long form
 * or where `always` says so.
 */
export function containerAttacks(title: string, list: readonly Attack[], always = false): void {
  describe.skipIf(noEngine !== undefined)(skippable(title, noEngine), () =>
    attacksAt('runc', list, { containers: 'runc' }),
  );
  const picked = list.flatMap((attack) => underGvisor(attack) ?? []);
  if ((long || always) && picked.length > 0)
    describe.skipIf(noGvisor !== undefined)(skippable(title, noGvisor), () =>
      attacksAt('gVisor', picked, { containers: 'gvisor' }),
    );
}

const skippable = (title: string, why: string | undefined) =>
  why === undefined ? title : `${title} (skipped: ${why})`;

function attacksAt(title: string, list: readonly Attack[], options: { containers?: 'runc' | 'gvisor' }): void {
  describe(title, () => {
    let arena: Arena;
    beforeAll(async () => {
      arena = await openArena(options);
      await arena.honestRun();
    }, 120_000);
    afterAll(async () => {
      await arena.close();
      if (options.containers === undefined) expect(workerPids()).toEqual([]);
      await expectNoStrays();
    }, 60_000);
    // `wallMs` ends each run; what it takes to make containers is the machine's.
    const timeout = options.containers ? 180_000 : 60_000;
    for (const attack of list) test.concurrent(attack.name, { timeout }, () => arena.withstand(attack));
    test('and the service had no fault of its own', () => expect(arena.faults).toEqual([]));
  });
}

/** It ends as its own guest likes: what counts is that nobody else is harmed. */
const anyEnd = /^(succeeded|failed \S+|limit_exceeded \w+|timed_out wallMs)$/;
/** What the host decides, in every driver alike. */
const hostsEnd = /limit_exceeded|timed_out|\d{3} /;

const mayTimeOut = (ends: Attack['ends']) => ends !== anyEnd && /timed_out/.test(String(ends));

function inContainer({ inContainer, result: _result, resultType: _type, look: _look, ...attack }: Attack): Attack {
  const { why: _why, ...own } = inContainer || {};
  const ends = own.ends ?? (hostsEnd.test(String(attack.ends)) ? attack.ends : anyEnd);
  const { ramBytes = 0, wallMs = 0, ...limits } = { ...attack.limits };
  return {
    ...attack,
    ...own,
    ends,
    limits: {
      ...limits,
      ramBytes: Math.max(ramBytes, roomOfPrograms.ramBytes),
      // A busy machine must not be what ends it.
      wallMs: wallMs > 0 && mayTimeOut(ends) ? wallMs : Math.max(wallMs, roomOfPrograms.wallMs),
      ...own.limits,
    },
  };
}

/** Undefined: it means nothing there. */
function underGvisor({ underGvisor: differs = {}, ...attack }: Attack): Attack | undefined {
  if (typeof differs === 'string') return undefined;
  const merged = Object.entries({ ...attack, ...differs }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(merged) as unknown as Attack;
}
