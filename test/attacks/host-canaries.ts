/** What containers must leave as it is: this machine, its mounts and processes, and the engine. */
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { guestUser, labels } from '../../runtime/sandbox/container/container-spec.ts';
import { createEngine } from '../../runtime/sandbox/container/engine.ts';
import { backingFile, readMounts } from '../../runtime/workspace/sized/mounts.ts';
import { engineAddress } from '../sandbox/container/engine.ts';
import { listProcesses, type ProcessInfo } from './processes.ts';

/** Files and settings that every program of the machine depends on. Some are not there: then they must not appear. */
const WATCHED = [
  ...['passwd', 'shadow', 'group', 'gshadow', 'hosts', 'hostname', 'resolv.conf', 'crontab', 'ld.so.preload'].map(
    (name) => `/etc/${name}`,
  ),
  ...['core_pattern', 'hostname', 'modprobe', 'hotplug', 'sysrq'].map((name) => `/proc/sys/kernel/${name}`),
  '/proc/sys/fs/binfmt_misc/status',
  '/sys/kernel/uevent_helper',
  '/root/.bashrc',
  '/root/.ssh/authorized_keys',
];

function snapshot(): Record<string, string> {
  const seen: Record<string, string> = { '/': readdirSync('/').sort().join(' ') };
  for (const path of WATCHED) {
    try {
      seen[path] = existsSync(path) ? readFileSync(path, 'latin1') : 'is not there';
    } catch (error) {
      seen[path] = String((error as NodeJS.ErrnoException).code);
    }
  }
  return seen;
}

/** Where a process sees a container's door of this service: its mounts tell of which service it is. */
function slotsDevice(dataDir: string): string | undefined {
  try {
    const { dev } = statSync(`${dataDir}/containers`);
    // makedev(3) of Linux.
    return `${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`;
  } catch {
    return undefined;
  }
}

/** Guests that escaped to where this process is, or whose container is gone. */
function guestsOutside(device: string | undefined, containers: readonly string[]): ProcessInfo[] {
  const here = readlinkSync('/proc/self/ns/mnt');
  return listProcesses().filter(({ pid, uid }) => {
    if (uid !== guestUser.uid) return false;
    try {
      if (readlinkSync(`/proc/${pid}/ns/mnt`) === here) return true;
      const groups = readFileSync(`/proc/${pid}/cgroup`, 'latin1');
      const mounts = readFileSync(`/proc/${pid}/mountinfo`, 'latin1');
      return device !== undefined && mounts.includes(` ${device} /c`) && !containers.some((id) => groups.includes(id));
    } catch {
      return false;
    }
  });
}

/** Loop devices on files below this folder. */
const loopsOf = (folder: string) =>
  readdirSync('/sys/block').filter((name) => backingFile(name)?.startsWith(`${folder}/`));

export interface HostCanaries {
  /** The machine is as it was, the engine answers, no guest is outside of a container. */
  expectUntouched(): Promise<void>;
  /** After the service was closed: nothing of this data directory is left, no mount and no container. */
  expectNothingLeft(): Promise<void>;
  close(): void;
}

/** Call it before the service opens `dataDir`. */
export function watchHost(dataDir: string): HostCanaries {
  const before = snapshot();
  const engine = createEngine(engineAddress);
  let device: string | undefined;

  async function containers(): Promise<string[]> {
    const installation = readFileSync(`${dataDir}/installation`, 'utf8').trim();
    return (await engine.list(`${labels.installation}=${installation}`)).map(({ id }) => id);
  }

  /** A container that was killed a moment ago is forgotten by the engine before the kernel took its last process away. */
  async function outsiders(): Promise<ProcessInfo[]> {
    for (let left = guestsOutside(device, await containers()), tries = 60; ; tries--) {
      if (left.length === 0 || tries === 0) return left;
      await sleep(100);
      const still = guestsOutside(device, await containers());
      left = left.filter(({ pid }) => still.some((one) => one.pid === pid));
    }
  }

  return {
    async expectUntouched() {
      expect(snapshot()).toEqual(before);
      await engine.ping();
      device ??= slotsDevice(dataDir);
      expect(await outsiders(), 'guests outside of a container').toEqual([]);
    },
    async expectNothingLeft() {
      // An engine that is busy takes its time.
      for (let tries = 100; (await containers()).length > 0 && tries > 0; tries--) await sleep(100);
      expect(await containers(), 'containers').toEqual([]);
      expect(
        readMounts().filter(({ point }) => point.startsWith(`${dataDir}/`)),
        'mounts',
      ).toEqual([]);
      // A runtime that starts another container at this moment holds copies of all mounts until it has its own.
      let loops = loopsOf(dataDir);
      for (let tries = 150; loops.length > 0 && tries > 0; tries--) {
        await sleep(100);
        loops = loopsOf(dataDir);
      }
      expect(loops, 'loop devices').toEqual([]);
      expect(await outsiders(), 'guests outside of a container').toEqual([]);
    },
    close: () => engine.close(),
  };
}
