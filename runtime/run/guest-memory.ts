import { CordonError } from '../errors.ts';
import type { Json, JsonObject } from '../json.ts';
import type { Memory } from '../memory/memory.ts';
import type { HostCall, HostReply, Owner } from '../sandbox/driver.ts';
import { ArgumentError, countArg, readArgs, requiredCountArg, textArg } from './guest-args.ts';

export interface GuestMemory {
  /** Answers `memory.get`, `memory.set`, `memory.delete` and `memory.list`. Never throws. */
  call(call: HostCall): Promise<HostReply>;
  /** Operations asked so far, refused ones included: `usage.memoryOps`. */
  readonly operations: number;
}

export interface GuestMemoryOptions {
  memory: Memory;
  owner: Owner;
  /** The agent's quota `memoryBytes`. */
  quotaBytes: number;
  /** A key was written and is durable; `revision` null: it was deleted. */
  onWrite: (key: string, revision: number | null) => void;
  /** An error of ours, which the guest sees only as "failed". */
  onFault?: (error: unknown) => void;
}

/** A guest's list comes in one answer; keys beyond this many need a narrower prefix. */
const LISTED = 100_000;
const PAGE = 1000;

/** Answers the memory calls of one run. Arguments come from hostile code and are checked here. */
export function createGuestMemory(options: GuestMemoryOptions): GuestMemory {
  const { memory, owner, quotaBytes, onWrite } = options;
  let operations = 0;

  const answers: Record<string, (args: Json) => Promise<Json>> = {
    async 'memory.get'(raw) {
      const key = textArg(readArgs(raw, ['key']), 'key');
      const found = await memory.get(owner, key);
      return found === undefined ? { found: false } : { found: true, value: found.value };
    },
    async 'memory.set'(raw) {
      const args = readArgs(raw, ['key', 'value', 'ttlMs', 'ifRevision']);
      const key = textArg(args, 'key');
      if (!Object.hasOwn(args, 'value')) throw new ArgumentError('The value must be JSON, and undefined is not');
      const ttlMs = countArg(args, 'ttlMs');
      const ifRevision = args.ifRevision === null ? null : countArg(args, 'ifRevision');
      const revision = await memory.set(owner, key, args.value as Json, {
        quotaBytes,
        ...(ttlMs === undefined ? {} : { ttlMs }),
        ...(ifRevision === undefined ? {} : { ifRevision }),
      });
      onWrite(key, revision);
      return revision;
    },
    async 'memory.delete'(raw) {
      const args = readArgs(raw, ['key', 'ifRevision']);
      const key = textArg(args, 'key');
      const condition = Object.hasOwn(args, 'ifRevision') ? { ifRevision: requiredCountArg(args, 'ifRevision') } : {};
      const deleted = await memory.delete(owner, key, condition);
      if (deleted) onWrite(key, null);
      return deleted;
    },
    async 'memory.list'(raw) {
      const args = readArgs(raw, ['prefix']);
      const prefix = Object.hasOwn(args, 'prefix') ? textArg(args, 'prefix') : '';
      const items: JsonObject[] = [];
      for (let cursor: string | undefined; ; ) {
        const page = await memory.list(owner, { prefix, limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
        for (const item of page.items) items.push({ ...item });
        if (page.nextCursor === undefined) return items;
        if (items.length >= LISTED) throw new ArgumentError(`More than ${LISTED} keys: ask for a longer prefix`);
        cursor = page.nextCursor;
      }
    },
  };

  return {
    get operations() {
      return operations;
    },
    async call({ op, args }) {
      operations++;
      try {
        const answer = Object.hasOwn(answers, op) ? answers[op] : undefined;
        if (answer === undefined) throw new ArgumentError('no such operation of memory');
        return { ok: true, value: await answer(args) };
      } catch (error) {
        return { ok: false, error: errorForGuest(error, options.onFault) };
      }
    },
  };
}

function errorForGuest(
  error: unknown,
  onFault?: (error: unknown) => void,
): { name: string; message: string; code?: string } {
  if (error instanceof ArgumentError)
    return { name: 'TypeError', message: error.message, code: 'ERR_INVALID_ARG_TYPE' };
  if (error instanceof CordonError) {
    const { code, message } = error;
    if (code === 'revision_mismatch') return { name: 'RevisionMismatch', message };
    if (code === 'quota_exceeded') return { name: 'QuotaExceeded', message, code: 'ENOSPC' };
    if (code === 'validation_failed' || code === 'too_large') {
      return { name: 'TypeError', message, code: 'ERR_INVALID_ARG_VALUE' };
    }
    if (code === 'storage_full') return { name: 'Error', message: `ENOSPC: ${message}`, code: 'ENOSPC' };
  }
  onFault?.(error);
  return { name: 'Error', message: 'EIO: the memory failed', code: 'EIO' };
}
