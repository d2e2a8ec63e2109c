/** Runs over a real store, queue and event log; only the sandbox is a stand-in, whose guest the test plays. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createQueue } from '../../runtime/admission/queue.ts';
import { createRate } from '../../runtime/admission/rate.ts';
import { createAgents } from '../../runtime/agent/agents.ts';
import { createTenants } from '../../runtime/agent/tenants.ts';
import { systemClock } from '../../runtime/clock.ts';
import { createIdempotency } from '../../runtime/run/idempotency.ts';
import { createRunStore } from '../../runtime/run/run-store.ts';
import { createRuns } from '../../runtime/run/runs.ts';
import type { GuestHost, Outcome } from '../../runtime/sandbox/driver.ts';
import { defaultLimits } from '../../runtime/sandbox/limits.ts';
import { openStore } from '../../runtime/store/lmdb-store.ts';
import type { Store } from '../../runtime/store/store.ts';

export interface Guest {
  host: GuestHost;
  end(outcome?: Outcome): void;
}

export async function openRunning({ turns = 8, around = (store: Store) => store } = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'cordon-running-'));
  const clock = systemClock;
  const disk = await openStore({ dir, durability: 'process', minimumFreeBytes: 0 });
  const store = around(disk);
  await createTenants({ store, clock }).ensureDefault();
  const runStore = createRunStore(store);
  const guests: Guest[] = [];
  const logged: string[] = [];
  const log = (_fields: object, message: string) => void logged.push(message);
  const driver = {
    lease: async () => ({
      walls: [],
      release() {},
      execute(_program: object, host: GuestHost) {
        const { promise, resolve } = Promise.withResolvers<object>();
        const end = (outcome: Outcome = { status: 'succeeded' } as Outcome) =>
          resolve({ outcome, usage: { cpuMs: 1, ramPeakBytes: 1 } });
        guests.push({ host, end });
        return { done: promise, stop: end };
      },
    }),
  };
  const deps = {
    ...{ store, clock, runStore, packages: {}, queueLength: 100, liveRuns: new Map(), drained: new Promise(() => {}) },
    agents: createAgents({ store, clock }),
    idempotency: createIdempotency({ store, clock }),
    queue: createQueue({ turns, resident: turns }),
    rate: createRate(clock),
    log: { debug: log, info: log, warn: log, error: log, flush() {} },
    metrics: { runFinished() {}, runRefused() {} },
    telemetry: { startRun: () => ({ traceId: 't', start: () => ({ spanId: 's', end: () => ({}) }), end() {} }) },
    driver: () => driver,
    open: async () => ({
      files: { flush: async () => {}, changed: async () => [], place: async () => {} },
      memory: { operations: 0 },
      egress: { close: async () => {}, requests: 0 },
    }),
    choice: async () => ({}),
  };
  const runs = createRuns(deps as never);
  const request = (limits: Partial<typeof defaultLimits> = {}) => ({
    ...{ tenant: 'default', agent: 'default', language: 'javascript', driver: 'isolate', code: '1', input: undefined },
    ...{ files: [], limits: { ...defaultLimits, ...limits }, metadata: {} },
  });
  return {
    ...{ runs, runStore, guests, logged, deps },
    /** Answers the id when it is admitted. */
    submit: async (limits?: Partial<typeof defaultLimits>, more: object = {}): Promise<string> =>
      (await runs.submit({ ...request(limits), ...more } as never, { trace: {}, requestId: 'r' } as never)).id,
    async close() {
      await disk.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
