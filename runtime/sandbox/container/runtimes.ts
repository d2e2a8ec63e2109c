/** Which OCI runtime containers get: gVisor where it works, else runc; and what is known against either. */

import { guestUser, labels } from './container-spec.ts';
import { type Engine, EngineError } from './engine.ts';

export type RuntimeChoice = 'auto' | 'runc' | 'gvisor';

export interface RuntimeReport {
  name: 'runc' | 'gvisor';
  /** As the engine calls it. */
  engineName: string;
  usable: boolean;
  /** Why not, or what is known against it. */
  detail: string;
}

/** What every program takes for granted. One line each: its name, and a command that fails where it does not work. */
const selfTest: readonly (readonly [name: string, command: string])[] = [
  ['ls', 'ls / >/dev/null'],
  ['stat', 'stat /etc/passwd >/dev/null'],
  ['fork', '(true) & wait $!'],
  ['pipes', 'test "$(echo a | cat)" = a'],
  ['socket', 'python3 -c "import socket; socket.socketpair()[0].send(b\'x\')"'],
  ['exec', '/bin/sh -c "exec true"'],
];
const FIRST_CODE = 11;
const SELF_TEST_MS = 60_000;

export const gvisorNames = ['runsc', 'gvisor'] as const;

/** Errors: EngineError when the engine fails; a runtime that does not work is a report. */
export async function testGvisor(
  engine: Engine,
  { engineName, imageTag, installation }: { engineName: string; imageTag: string; installation: string },
): Promise<RuntimeReport> {
  const report = (usable: boolean, detail: string): RuntimeReport => ({ name: 'gvisor', engineName, usable, detail });
  const script = selfTest.map(([, command], n) => `${command} || exit ${FIRST_CODE + n}`).join('\n');
  let id: string | undefined;
  try {
    id = await engine.create({
      Image: imageTag,
      Labels: { [labels.installation]: installation },
      User: `${guestUser.uid}:${guestUser.gid}`,
      Entrypoint: ['/bin/bash', '-c', script],
      Cmd: [],
      NetworkDisabled: true,
      HostConfig: {
        Runtime: engineName,
        NetworkMode: 'none',
        CapDrop: ['ALL'],
        SecurityOpt: ['no-new-privileges:true'],
        ReadonlyRootfs: true,
        LogConfig: { Type: 'none', Config: {} },
      },
    });
    await engine.start(id);
    const code = await exitCode(engine, id);
    if (code === 0) return report(true, `self-test passed: ${selfTest.map(([name]) => name).join(', ')}`);
    const failing = selfTest[code - FIRST_CODE];
    return report(
      false,
      failing === undefined
        ? `self-test ended with exit code ${code}`
        : `self-test failed at ${failing[0]}: \`${failing[1]}\``,
    );
  } catch (error) {
    if (error instanceof EngineError && error.status === undefined) throw error;
    return report(false, `it does not start: ${(error as Error).message}`);
  } finally {
    if (id !== undefined) await engine.remove(id).catch(() => {});
  }
}

async function exitCode(engine: Engine, id: string): Promise<number> {
  for (const end = performance.now() + SELF_TEST_MS; performance.now() < end; ) {
    const state = await engine.state(id);
    if (state !== undefined && !state.running) return state.exitCode;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('the self-test did not end');
}

/**
 * Break-outs that were published, and the first versions without them, by their own release notes. A distribution may
 * have repaired an older version without changing this number: then the warning is one to check.
 */
const breakOuts: readonly { id: string; fixedIn: readonly (readonly [number, number, number])[]; what: string }[] = [
  { id: 'CVE-2019-5736', fixedIn: [[1, 0, 0]], what: 'a container can overwrite the runc of the host' },
  { id: 'CVE-2024-21626', fixedIn: [[1, 1, 12]], what: 'a leaked descriptor leads to the file system of the host' },
  {
    id: 'CVE-2025-31133, CVE-2025-52565, CVE-2025-52881',
    fixedIn: [
      [1, 2, 8],
      [1, 3, 3],
      [1, 4, 0],
    ],
    what: 'races while a container is set up lead to files of the host',
  },
];

/** Warnings about this version of runc, for the log at start and /v1/drivers. */
export function knownBreakOuts(version: string | undefined): string[] {
  const [, major, minor, patch, candidate] = /^v?(\d+)\.(\d+)\.(\d+)(-rc)?/.exec(version ?? '') ?? [];
  // A candidate comes before its release.
  const numbers = patch && [Number(major), Number(minor), Number(patch) - (candidate ? 0.5 : 0)];
  if (!numbers) return [];
  return breakOuts
    .filter(({ fixedIn }) => !isFixed(numbers, fixedIn))
    .map(({ id, what }) => `runc ${version} is older than the release that repairs ${id} (${what})`);
}

/** Each line of releases has its own repaired version; lines after the last of them came later. */
function isFixed(version: readonly number[], fixedIn: readonly (readonly [number, number, number])[]): boolean {
  const [major = 0, minor = 0, patch = 0] = version;
  const line = fixedIn.find(([one, two]) => one === major && two === minor);
  if (line) return patch >= line[2];
  const [lastMajor, lastMinor] = fixedIn.at(-1) as readonly [number, number, number];
  return major > lastMajor || (major === lastMajor && minor > lastMinor);
}
