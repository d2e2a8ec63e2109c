import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Clock } from '../../runtime/clock.ts';
import { openStore } from '../../runtime/store/lmdb-store.ts';
import type { Store } from '../../runtime/store/store.ts';

/** An empty folder that goes with the test. */
export function scratchDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'cordon-test-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A store in a folder of its own, closed with the test. */
export async function scratchStore(dir = scratchDir()): Promise<Store> {
  const store = await openStore({ dir, durability: 'process', minimumFreeBytes: 0 });
  onTestFinished(() => store.close());
  return store;
}

/** Long form of a test: CORDON_TEST_LONG=1. */
export const long = process.env.CORDON_TEST_LONG === '1';

export interface ManualClock extends Clock {
  advance(ms: number): void;
}

export function manualClock(start = Date.UTC(2026, 0, 1)): ManualClock {
  let now = start;
  return {
    now: () => now,
    advance(ms) {
      now += ms;
    },
  };
}
