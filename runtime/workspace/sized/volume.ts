import { fchownSync, fstatSync, statSync } from 'node:fs';
import { CordonError } from '../../errors.ts';
import type { Amount } from '../allowance.ts';
import { BLOCK, type SizedHome, type Tree } from '../tree.ts';
import { WorkspaceError } from '../workspace-error.ts';
import { type Attachment, createAttachment } from './attachment.ts';
import type { RunCommand } from './command.ts';
import type { Home } from './home.ts';
import type { DiskShare, HostDisk } from './host-disk.ts';
import { bytesForInodes, imageBytes, OWN_INODES } from './image.ts';
import { createTurns } from './in-turn.ts';
import { flushVolume } from './migrate.ts';
import { createMounting, type Mounting } from './mounting.ts';
import { unmount } from './mounts.ts';
import { createPool, type Member, type Pool } from './pool.ts';
import type { Room } from './room.ts';
import { type Since, survey } from './survey.ts';
import { VolumeError } from './volume-error.ts';

export interface VolumeOptions {
  run: RunCommand;
  home: Home;
  tree: Tree;
  guest: { uid: number; gid: number };
  disk: HostDisk;
  /** Unused for so long, it is unmounted. */
  idleMs: number;
}

/** What one run may add, and what the agent may hold. */
export interface Growth {
  growth: Amount;
  quota: Amount;
}

/** The sized file system of one agent. Mounted while it is used, and for a while after. */
export interface Volume extends SizedHome {
  attach(target: string, room: Growth): Promise<Attachment>;
  /** Sees that what Cordon itself writes finds room, up to the quota. Not inside an operation. */
  prepare(quota: Amount): Promise<void>;
  /** The error of a write that found no room. */
  full(quota: Amount): CordonError;
  /** Counts everything anew. */
  count(): Promise<void>;
  /** Nothing stays mounted; nothing mounts it again. */
  close(): Promise<void>;
}

/** What stays free for directories and the like when there is room to choose. */
const SPARE_BLOCKS = (64 * 1024 * 1024) / BLOCK;
/** More than one operation makes: a path of missing directories. */
const SPARE_INODES = 300;
/** Of our own writes: then they are flushed, so that what the disk must still hold is known again. */
const UNFLUSHED = 256 * 1024 * 1024;
/** Inode tables, journal and bitmaps that a run may make ext4 write. */
const METADATA_BYTES = 16 * 1024 * 1024;
const INODE_BYTES = 512;

/** Opens the volume of a home whose image exists. */
export function createVolume({ home, tree, guest, disk, idleMs, run }: VolumeOptions): Volume {
  const mounting: Mounting = createMounting({
    home,
    guest,
    idleMs,
    isBound: () => pool.size > 0,
    alone: (body) => tree.turnstile.alone(body),
  });
  const { use } = mounting;
  const turns = createTurns();
  const share: DiskShare = disk.open(home.image);
  const targets = new Set<string>();
  const left = new WeakSet<Member>();
  const detaching = new Set<Promise<unknown>>();
  let wroteAtMs = 0;
  let unflushed = 0;
  let ended = false;
  let directories: Map<bigint, string> | undefined;

  const mounted = (): Room => {
    const room = mounting.room();
    if (room === undefined) throw new VolumeError(`${home.mountPoint} is not mounted`);
    return room;
  };
  const pool: Pool = createPool(mounted, tree.used);

  async function ensureRoom(quota: Amount, blocks: number, inodes: number): Promise<void> {
    const unused = mounted().unused();
    const size = statSync(home.image).size;
    let wanted = size;
    if (unused.blocks < blocks + SPARE_BLOCKS) wanted = Math.max(wanted, imageBytes(quota, tree.used));
    const missing = inodes + OWN_INODES - unused.inodes;
    if (missing > 0) {
      // A tenth more at once: each step costs an unmount where ext4 may not grow mounted.
      const more = Math.max(missing, Math.min(mounted().inodes() / 10, quota.files - tree.used.files - unused.inodes));
      wanted = Math.max(wanted, bytesForInodes(size, mounted().inodes(), more));
    }
    if (wanted > size) await mounting.enlarge(wanted);
  }

  async function flush(): Promise<void> {
    await flushVolume(home.mountPoint, run);
    unflushed = 0;
    share.flushed(pool.promised());
  }

  /** Counts what is there and finds what changed. Nothing of ours writes meanwhile; containers may. */
  function look(since: Since | undefined): Promise<{ changed: string[]; cut: boolean }> {
    return tree.turnstile.alone(async () => {
      const inodesUsed = mounted().inodesUsed();
      const found = await survey(tree.gate, 4 * inodesUsed + 10_000, since);
      const { used } = found;
      if (found.cut) {
        // The file system's own figures then: too high rather than too low.
        used.bytes = Math.max(used.bytes, statSync(home.image).blocks * 512);
        used.files = Math.max(used.files, inodesUsed);
      } else directories = found.directories;
      tree.used.bytes = used.bytes + tree.held.bytes;
      tree.used.files = used.files + tree.held.files;
      return found;
    });
  }

  /** Only its place in the pool is changed in turn: the next run must not wait until this one is flushed and counted. */
  async function finish(member: Member, since: Since | undefined): Promise<{ changed: string[]; cut: boolean }> {
    const isFirst = !left.has(member);
    left.add(member);
    try {
      if (isFirst) await turns(() => pool.leave(member));
      await flush();
      return await look(since);
    } finally {
      if (isFirst)
        await turns(async () => {
          if (mounting.room() === undefined) return;
          pool.counted();
          share.flushed(pool.promised());
        });
    }
  }

  function ending<T>(work: Promise<T>): Promise<T> {
    detaching.add(work);
    const done = () => void detaching.delete(work);
    work.then(done, done);
    return work;
  }

  return {
    use,
    own(fd) {
      wroteAtMs = performance.now();
      fchownSync(fd, guest.uid, guest.gid);
    },
    lend(bytes, files) {
      wroteAtMs = performance.now();
      if (mounting.room() === undefined) return;
      if (bytes > 0) {
        share.promise(bytes);
        unflushed += bytes;
        if (unflushed > UNFLUSHED) {
          unflushed = 0;
          void turns(() => use(flush)).catch(() => {});
        }
      }
      pool.lend(bytes, files);
    },
    madeDirectory: (fd, path) => void directories?.set(fstatSync(fd, { bigint: true }).ino, path),
    movedDirectory() {
      directories = undefined;
    },

    attach: (target, { growth, quota }) =>
      turns(async () => {
        if (await mounting.heal()) await use(async () => void (await look(undefined)));
        return use(async () => {
          if (ended) throw new WorkspaceError('ENOENT', 'open', '/workspace');
          const most = (what: keyof Amount) => Math.max(0, Math.min(quota[what] - tree.used[what], growth[what]));
          const member = { growth: { bytes: most('bytes'), files: most('files') } };
          await ensureRoom(quota, member.growth.bytes / BLOCK, member.growth.files);
          share.promise(member.growth.bytes + member.growth.files * INODE_BYTES + METADATA_BYTES);
          try {
            await pool.join(member, quota);
          } catch (error) {
            share.flushed(pool.promised());
            throw error;
          }
          return createAttachment({
            run,
            target,
            home,
            use,
            targets,
            recentlyWritten: () => performance.now() - wroteAtMs < 20,
            directories: async () => {
              if (directories === undefined) await look(undefined);
              return directories ?? new Map();
            },
            finish: (since) => ending(finish(member, since)),
            ended: () => ended,
            async abandon() {
              await pool.leave(member).finally(() => pool.counted());
            },
          });
        });
      }),

    prepare: (quota) =>
      use(async () => {
        const { bytes, files } = mounted().free();
        if (pool.size > 0 || (files >= SPARE_INODES && bytes >= 2 * SPARE_BLOCKS * BLOCK)) return;
        await turns(async () => {
          if (pool.size > 0 || mounting.room() === undefined) return;
          await ensureRoom(quota, SPARE_BLOCKS, Math.min(SPARE_INODES, quota.files - tree.used.files));
          mounted().dropBallast(2 * SPARE_INODES);
        });
      }),

    full(quota) {
      const name = mounting.room()?.free().files === 0 ? 'workspaceFiles' : 'workspaceBytes';
      const what = name === 'workspaceFiles' ? 'files' : 'bytes';
      const [limit, used] = [quota[what], tree.used[what]];
      const message = `No room is left for ${name} of the agent, which its running containers use, too`;
      return new CordonError('quota_exceeded', message, { quota: { name, limit, used } });
    },

    count: () => use(async () => void (await look(undefined))),

    async close() {
      ended = true;
      await Promise.allSettled(detaching);
      await turns(() =>
        mounting.close(async () => {
          for (const target of targets) await unmount(target);
          targets.clear();
        }),
      );
      share.close();
    },
  };
}
