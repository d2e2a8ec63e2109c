import type { Amount } from '../allowance.ts';
import { BLOCK } from '../tree.ts';
import type { Room } from './room.ts';

/** What one run may add. */
export interface Member {
  readonly growth: Amount;
}

/**
 * The room that the running containers of one agent share. Bytes: the sum of what each may add. Inodes: what the
 * largest may add, since to hand them out and take them back costs time for each. Never more than the agent's quota.
 */
export interface Pool {
  /** Of those that write, and of those not counted yet. */
  readonly size: number;
  join(member: Member, quota: Amount): Promise<void>;
  /**
   * It writes no more: what it did not use goes, as far as that can be told from what the others used. Its own use is
   * not counted yet: until `counted`, the bound by the quota stays where it is.
   */
  leave(member: Member): Promise<void>;
  /** What one that left has written is in `used` now. */
  counted(): void;
  /** Something else writes this much (negative: has freed it): the members' room does not pay for it. */
  lend(bytes: number, files: number): void;
  /** Bytes that may still be written by the members. */
  promised(): number;
}

/** `used`: what is counted for the agent; exact while nobody is in the pool. */
export function createPool(room: () => Room, used: Amount): Pool {
  const members = new Set<Member>();
  let uncounted = 0;
  /** Blocks and inodes that stay free whoever writes: the rest is the agent's quota. */
  const floor = { blocks: 0, inodes: 0 };
  let quotaNow: Amount = { bytes: 0, files: 0 };
  /** Sum of what was lent, in bytes, and as blocks. */
  let lent = 0;
  let lentBlocks = 0;
  /** Blocks that shall stay free by the members' growth; below the floor it is only remembered. */
  let kept = 0;

  const allowBytes = (bytes: number) => {
    const { blocks } = room().unused();
    kept = blocks - Math.ceil(bytes / BLOCK);
    room().reserve(Math.max(floor.blocks, kept));
  };
  const mostInodes = () => Math.max(0, room().unused().inodes - floor.inodes);

  function setFloor(quota: Amount): void {
    const { blocks, inodes } = room().unused();
    floor.blocks = blocks - Math.ceil(Math.max(0, quota.bytes - used.bytes) / BLOCK);
    floor.inodes = inodes - Math.max(0, quota.files - used.files);
  }

  return {
    get size() {
      return members.size + uncounted;
    },
    async join(member, quota) {
      const { growth } = member;
      if (members.size + uncounted === 0) {
        lent = 0;
        lentBlocks = 0;
        room().reserve(0);
        setFloor(quota);
        await room().allowInodes(Math.min(growth.files, mostInodes()));
        // Again: the ballast took blocks, too.
        setFloor(quota);
      } else {
        floor.blocks -= Math.ceil((quota.bytes - quotaNow.bytes) / BLOCK);
        floor.inodes -= quota.files - quotaNow.files;
        const others = members.size === 0 ? 0 : room().free().files;
        await room().allowInodes(Math.min(Math.max(others, growth.files), mostInodes()));
      }
      allowBytes((members.size === 0 ? 0 : room().free().bytes) + growth.bytes);
      quotaNow = { ...quota };
      members.add(member);
    },
    async leave(member) {
      if (!members.delete(member)) return;
      uncounted++;
      // Nobody but Cordon itself writes now.
      if (members.size === 0) return room().reserve(floor.blocks);
      const rest = [...members].map(({ growth }) => growth);
      const free = room().free();
      const sum = rest.reduce((bytes, growth) => bytes + growth.bytes, 0);
      allowBytes(Math.min(free.bytes, Math.max(sum, free.bytes - member.growth.bytes)));
      await room().allowInodes(Math.min(free.files, Math.max(...rest.map(({ files }) => files))));
    },
    counted() {
      uncounted--;
      if (members.size + uncounted === 0) room().reserve(0);
    },
    lend(bytes, files) {
      if (members.size === 0) return;
      lent += bytes;
      const more = Math.ceil(lent / BLOCK) - lentBlocks;
      lentBlocks += more;
      kept -= more;
      const now = room();
      now.reserve(Math.max(floor.blocks, kept));
      if (files > 0) now.dropBallast(Math.min(files, mostInodes() - now.free().files));
    },
    promised: () => (members.size === 0 ? 0 : room().free().bytes),
  };
}
