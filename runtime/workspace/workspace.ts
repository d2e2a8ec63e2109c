import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, realpathSync, renameSync, rmdirSync } from 'node:fs';
import { CordonError } from '../errors.ts';
import type { Owner } from '../sandbox/driver.ts';
import { createFreeSpace } from '../store/free-space.ts';
import { type Workspace, workspaceOf } from './agent-files.ts';
import { countUsage } from './count-usage.ts';
import { createGate } from './gate.ts';
import { emptyFolder, freshName } from './remove-tree.ts';
import type { Attachment } from './sized/attachment.ts';
import { createCommandHelper } from './sized/command-helper.ts';
import { cleanHome, dropPlain, type Home, homeAt, isSized } from './sized/home.ts';
import { createHostDisk } from './sized/host-disk.ts';
import { imageBytes } from './sized/image.ts';
import { createTurns } from './sized/in-turn.ts';
import { migrate } from './sized/migrate.ts';
import { readMounts, unmount } from './sized/mounts.ts';
import { probeMounting } from './sized/probe.ts';
import { mountProbe } from './sized/slots.ts';
import { createVolume, type Growth, type Volume } from './sized/volume.ts';
import { createInPlaceWriters, createStamp, type Tree } from './tree.ts';
import { createTurnstile } from './turnstile.ts';
import { WorkspaceError } from './workspace-error.ts';

export type { Workspace } from './agent-files.ts';

export interface Workspaces {
  /** Counts the usage at the first call for an owner and removes what a crash left half-written. */
  open(owner: Owner): Promise<Workspace>;
  /** Removes all files of an owner: gone at once for every caller, freed when it resolves. */
  forget(owner: Owner): Promise<void>;
  /**
   * Binds the owner's files at `target`, an existing empty folder below a shared mount (sized/slots.ts), for one
   * container. The first time, the files move into a sized file system of their own. `growth`: what this run may add.
   * Errors: CordonError storage_full; VolumeError when this machine may not mount.
   */
  attach(owner: Owner, target: string, room: Growth): Promise<Attachment>;
  /** Proves that this machine can `attach`, by doing it: undefined, or why not. */
  canMount(): Promise<string | undefined>;
  /** Mounts something that holds the file `cordon-probe` at `target`, a slot's folder. Answers its end. */
  mountProbe(target: string): Promise<() => Promise<void>>;
  /** Unmounts everything. Nothing is opened any more. */
  close(): Promise<void>;
}

/** Folder for removed agents. No tenant can have this name. */
const RUBBISH = '.removed';
const slug = /^[a-z0-9][a-z0-9_-]{0,62}$/;

export interface WorkspacesOptions {
  root: string;
  /** Below this much free space, what would grow is refused with storage_full. Default 0. */
  minimumFreeBytes?: number;
  nowMs?: () => number;
  descriptors?: boolean;
  /** The user of the programs in containers, as the host sees it. Default 10001:10001. */
  guest?: { uid: number; gid: number };
  /** A sized file system that nobody uses is unmounted after this. Default 10 minutes. */
  idleMs?: number;
}

const GUEST = { uid: 10001, gid: 10001 };
const IDLE_MS = 600_000;
/** Inodes beyond what the first run may take, so that the next runs find some. */
const SPARE_INODES = 256;

interface Entry {
  readonly home: Home;
  readonly tree: Tree;
  readonly workspace: Promise<Workspace>;
  volume: Volume | undefined;
  /** Moving the files, and what must not meet it. */
  readonly turns: <T>(body: () => Promise<T>) => Promise<T>;
}

/**
 * One folder per tenant and agent below `root` (a host path, made when missing). One process per root: usage is counted
 * in memory. `descriptors: false` walks by path, as on machines without /proc; it is for tests.
 */
export function createWorkspaces(options: WorkspacesOptions): Workspaces {
  mkdirSync(options.root, { recursive: true, mode: 0o700 });
  const root = realpathSync(options.root);
  const descriptors = options.descriptors ?? existsSync('/proc/self/fd');
  const stamp = createStamp(options.nowMs ?? Date.now);
  const freeSpace = createFreeSpace(root, options.minimumFreeBytes ?? 0);
  const guest = options.guest ?? GUEST;
  const disk = createHostDisk(root, options.minimumFreeBytes ?? 0);
  const commands = createCommandHelper();
  const opened = new Map<string, Entry>();
  let closed = false;
  const rubbishPath = `${root}/${RUBBISH}`;
  let removals: Promise<unknown> = Promise.resolve();
  // What a removal left when Cordon ended in the middle of it. The start does not wait; what fails, the next one frees.
  if (existsSync(rubbishPath)) emptyRubbish().catch(() => {});

  /** One after the other: they share the folder. */
  function emptyRubbish(): Promise<void> {
    const emptied = removals.then(() => emptyFolder(createGate(rubbishPath, descriptors), rubbishPath));
    removals = emptied.catch(() => {});
    return emptied;
  }

  function place({ tenant, agent }: Owner): { key: string; tenantPath: string; path: string } {
    // Ids are checked at the API; a path is made of them here, so they are checked here.
    if (!slug.test(tenant) || !slug.test(agent)) throw new Error('not the id of a tenant and an agent');
    return { key: `${tenant}/${agent}`, tenantPath: `${root}/${tenant}`, path: `${root}/${tenant}/${agent}` };
  }

  function gates(files: string, incomingPath: string) {
    return { gate: createGate(files, descriptors), incoming: createGate(incomingPath, descriptors), incomingPath };
  }

  function makeTree(home: Home): Tree {
    const { files, incoming } = isSized(home) ? home.sized : home.plain;
    if (!isSized(home)) {
      const made = [files, incoming].map((folder) => mkdirSync(folder, { recursive: true, mode: 0o700 }));
      if (made.some((folder) => folder !== undefined)) flushFolders([home.path, `${home.path}/..`, root]);
    }
    return {
      ...gates(files, incoming),
      sized: undefined,
      turnstile: createTurnstile(),
      used: { bytes: 0, files: 0 },
      held: { bytes: 0, files: 0 },
      writers: createInPlaceWriters(),
      directoryRenames: Promise.resolve(),
      stamp,
      closed: false,
    };
  }

  function openVolume(entry: { home: Home; tree: Tree; volume: Volume | undefined }): Volume {
    const { home, tree } = entry;
    const volume = createVolume({ home, tree, guest, disk, idleMs: options.idleMs ?? IDLE_MS, run: commands.run });
    Object.assign(tree, gates(home.sized.files, home.sized.incoming), { sized: volume });
    entry.volume = volume;
    return volume;
  }

  async function prepare(entry: { home: Home; tree: Tree; volume: Volume | undefined }): Promise<Workspace> {
    const { home, tree } = entry;
    await cleanHome(home);
    if (isSized(home)) {
      const volume = openVolume(entry);
      await volume.use(() => emptyFolder(tree.incoming, tree.incomingPath));
      await volume.count();
    } else {
      await emptyFolder(tree.incoming, tree.incomingPath);
      Object.assign(tree.used, await countUsage(tree.gate));
    }
    return workspaceOf(entry, () => {
      if (!freeSpace.enough()) throw new CordonError('storage_full', 'The disk is nearly full: files cannot grow');
    });
  }

  function enter(owner: Owner): Entry {
    if (closed) throw new CordonError('shutting_down', 'Cordon is shutting down');
    const { key, path } = place(owner);
    const known = opened.get(key);
    if (known !== undefined) return known;
    const home = homeAt(path);
    const base = { home, tree: makeTree(home), volume: undefined, turns: createTurns() };
    const entry: Entry = Object.assign(base, { workspace: prepare(base) });
    opened.set(key, entry);
    // A failed scan must not fail for ever.
    entry.workspace.catch(() => {
      if (opened.get(key) === entry) opened.delete(key);
    });
    return entry;
  }

  /** Moves the files of a plain workspace into a sized file system. Its operations wait meanwhile. */
  async function makeSized(entry: Entry, { growth, quota }: Growth): Promise<void> {
    const { home, tree } = entry;
    await tree.turnstile.alone(async () => {
      if (tree.closed) throw new WorkspaceError('ENOENT', 'open', '/workspace');
      const share = disk.open(home.unfinished);
      try {
        share.promise(tree.used.bytes + tree.used.files * 4096 + growth.bytes);
        const inodes = tree.used.files + growth.files + SPARE_INODES;
        await migrate(home, { guest, bytes: imageBytes(quota, tree.used), inodes });
      } catch (error) {
        await unmount(home.mountPoint).catch(() => {});
        await cleanHome(home);
        throw error;
      } finally {
        share.close();
      }
      openVolume(entry);
    });
    await entry.volume?.count();
    // What is left of it is removed at the next start.
    void dropPlain(home).catch(() => {});
  }

  return {
    open: async (owner) => enter(owner).workspace,

    async attach(owner, target, growth) {
      const entry = enter(owner);
      await entry.workspace;
      return entry.turns(async () => {
        if (entry.volume === undefined) await makeSized(entry, growth);
        return (entry.volume as Volume).attach(target, growth);
      });
    },

    canMount: () => probeMounting(root),
    mountProbe,

    async close() {
      closed = true;
      await Promise.all([...opened.values()].map((entry) => entry.turns(async () => entry.volume?.close())));
      // What an earlier life of this service left and nobody opened in this one.
      for (const { point } of readMounts().filter(({ point }) => point.startsWith(`${root}/`))) await unmount(point);
      commands.close();
    },

    async forget(owner) {
      const { key, path, tenantPath } = place(owner);
      const entry = opened.get(key);
      if (entry !== undefined) entry.tree.closed = true;
      opened.delete(key);
      await entry?.turns(async () => entry.volume?.close());
      // Also of an earlier life of this process that ended too early to unmount it.
      if (isSized(homeAt(path))) await unmount(homeAt(path).mountPoint);
      mkdirSync(rubbishPath, { recursive: true, mode: 0o700 });
      if (existsSync(path)) {
        renameSync(path, `${rubbishPath}/${freshName()}`);
        flushFolders([tenantPath, rubbishPath]);
        try {
          rmdirSync(tenantPath);
        } catch {
          // Other agents of the tenant have files.
        }
      }
      await emptyRubbish();
    },
  };
}

/** Flushes the names of new folders. Synchronous: once per agent, and nothing may come between making and using them. */
function flushFolders(paths: string[]): void {
  for (const path of paths) {
    const fd = openSync(path, 'r');
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }
}
