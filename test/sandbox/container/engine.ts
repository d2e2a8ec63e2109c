/** The container engine of the tests. Where there is none, tests that need it are skipped and say so. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { settings } from '../../../runtime/config.ts';
import { createContainerDriver } from '../../../runtime/sandbox/container/container-driver.ts';
import { labels } from '../../../runtime/sandbox/container/container-spec.ts';
import { createEngine } from '../../../runtime/sandbox/container/engine.ts';
import type { RuntimeChoice } from '../../../runtime/sandbox/container/runtimes.ts';
import type { Driver } from '../../../runtime/sandbox/driver.ts';
import { openSlots } from '../../../runtime/workspace/sized/slots.ts';
import { createWorkspaces } from '../../../runtime/workspace/workspace.ts';

/** CORDON_TEST_ENGINE names another one than Docker's usual place. */
export const engineAddress = process.env.CORDON_TEST_ENGINE ?? settings.engine.default;

/** Why tests of containers cannot run here; undefined: they can. Images that are missing are no reason: `npm run images`. */
export const noEngine = await (async () => {
  const engine = createEngine(engineAddress);
  try {
    await engine.ping();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  } finally {
    engine.close();
  }
})();
if (noEngine !== undefined) console.warn(`Tests of containers are skipped: ${noEngine}`);

/** Why tests of gVisor cannot run here; undefined: they can. */
export async function noGvisor(): Promise<string | undefined> {
  if (noEngine !== undefined) return noEngine;
  const engine = createEngine(engineAddress);
  try {
    return (await engine.facts()).runtimes.includes('runsc') ? undefined : 'the engine has no runtime runsc';
  } finally {
    engine.close();
  }
}

export interface TestDriverOptions {
  maxContainers?: number;
  warmContainers?: number;
  runtime?: RuntimeChoice;
  /** The workspace in memory, although it could be mounted. */
  inMemory?: boolean;
}

/** A driver on the tests' engine, its folders gone when it is closed. */
export async function openTestDriver(options: TestDriverOptions = {}): Promise<Driver & { folder: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-containers-'));
  const workspaces = createWorkspaces({ root: join(folder, 'probe') });
  const whyInMemory = options.inMemory ? 'the test says so' : await workspaces.canMount();
  const driver = createContainerDriver({
    engine: engineAddress,
    installation: `test-${randomBytes(6).toString('hex')}`,
    async openSlots() {
      const slots =
        whyInMemory === undefined ? await openSlots(join(folder, 'slots')) : { path: folder, async close() {} };
      remember(slots.path, whyInMemory === undefined);
      return { ...slots, whyInMemory };
    },
    mountProbe: (target) => workspaces.mountProbe(target),
    runtime: options.runtime ?? 'runc',
    trustRuntime: true,
    furtherImages: [],
    requireWalls: [],
    warmContainers: options.warmContainers ?? 0,
    maxContainers: options.maxContainers ?? 8,
    maxRamBytes: 8 * 1024 ** 3,
    cpus: 1,
    log: { info() {}, warn: (detail, text) => console.warn(text, detail) },
  });
  await driver.opened;
  return {
    ...driver,
    folder,
    async close() {
      await driver.close();
      for (const [path, slots] of ownSlots) if (path.startsWith(folder)) slots.closedAt = secondsSinceBoot();
      await workspaces.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Process ids, as this machine numbers them, of the first processes of the containers that this process's drivers made:
 * other tests have some on the same engine. Known by where their door comes from.
 */
export function supervisorPids(driver?: Driver & { folder?: string }): number[] {
  const slots = [...ownSlots].filter(([path]) => driver?.folder === undefined || path.startsWith(driver.folder));
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        if (!readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('/opt/cordon/supervisor.py')) return false;
        // The last number is the one in its own namespace.
        if (!/^NSpid:.*\s1$/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))) return false;
        const [, device, root = ''] =
          /^\d+ \d+ (\d+:\d+) (\S+) \/run\/cordon /m.exec(readFileSync(`/proc/${pid}/mountinfo`, 'latin1')) ?? [];
        const startedAt = startOf(pid);
        return slots.some(([path, own]) => (device === own.device && startedAt < own.closedAt) || root.includes(path));
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Of each driver by their folder; one that is no mount of its own has no device of its own. */
const ownSlots = new Map<string, { device: string | undefined; closedAt: number }>();

const secondsSinceBoot = () => Number.parseFloat(readFileSync('/proc/uptime', 'latin1'));

/** In seconds since boot. The system gives the device of closed slots to somebody else, who has processes later. */
function startOf(pid: string): number {
  const afterName = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1) ?? '';
  return Number(afterName.split(' ')[19]) / 100;
}

function remember(path: string, isMounted: boolean): void {
  const { dev } = statSync(path, { bigint: true });
  const [major, minor] = [(dev >> 8n) & 0xfffn, (dev & 0xffn) | ((dev >> 12n) & ~0xffn)];
  ownSlots.set(path, { device: isMounted ? `${major}:${minor}` : undefined, closedAt: Number.POSITIVE_INFINITY });
}

/** Containers of one installation that the engine knows. */
export async function containersOf(installation: string): Promise<string[]> {
  const engine = createEngine(engineAddress);
  try {
    return (await engine.list(`${labels.installation}=${installation}`)).map(({ id }) => id);
  } finally {
    engine.close();
  }
}
