import { CordonError } from '../errors.ts';
import type { Json, JsonObject } from '../json.ts';
import type { HostCall, HostReply } from '../sandbox/driver.ts';
import type { LimitName, Limits } from '../sandbox/limits.ts';
import type { Allowance, Amount } from '../workspace/allowance.ts';
import type { FileStat } from '../workspace/file-stat.ts';
import { parseGuestPath } from '../workspace/guest-path.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { WorkspaceError } from '../workspace/workspace-error.ts';
import type { Changed } from '../workspace/write-in-place.ts';
import { createChangedPaths, parentOf } from './changed-files.ts';
import { createFileLocks, LockError, type RunLocks } from './file-locks.ts';
import { ArgumentError, choiceArg, countArg, flagArg, readArgs, requiredCountArg, textArg } from './guest-args.ts';
import { lockAnswers } from './guest-locks.ts';
import type { ChangedFile, RequestFile } from './record.ts';

export interface GuestFiles {
  /**
   * Puts the request's files in place, before the start. They count against the agent's quota, not against the run's
   * growth, and are no changes of the run unless its code changes them. Errors: WorkspaceError, CordonError.
   */
  place(files: readonly RequestFile[]): Promise<void>;
  /** Answers the operations `fs.*`. Never throws. */
  call(call: HostCall): Promise<HostReply>;
  /** After the end of the sandbox: drops its locks and makes all of it durable, request files and removals included. */
  flush(): Promise<void>;
  /**
   * After the end of the sandbox: files that the guest wrote, moved or copied and that exist, sorted by path, with what
   * stands there now. Removed files are not in it: there is no content to fetch.
   */
  changed(): Promise<ChangedFile[]>;
}

export interface GuestFilesOptions {
  workspace: Workspace;
  /** Net growth of this run; directories count as files. */
  limits: Pick<Limits, 'workspaceBytes' | 'files'>;
  /** The agent's quota, workspaceBytes and workspaceFiles. */
  quota: Amount;
  /** Those of this run, among the runs of its agent. Default: nobody else has any. */
  locks?: RunLocks;
  /** Bytes of one answer, a file or a listing; longer files are read in ranges. Default 64 MiB. */
  maxReplyBytes?: number;
  /** An error of ours, which the guest sees only as EIO. */
  onFault?: (error: unknown) => void;
}

type Answer = { value?: Json; bytes?: Uint8Array };

/** The run's own limit, told apart from the agent's quota. */
class GrowthExceeded extends Error {
  readonly limit: LimitName;
  constructor(limit: LimitName, most: number) {
    super(`ENOSPC: the run's limit ${limit} is used up: it may grow the workspace by ${most}`);
    this.limit = limit;
  }
}

class ReplyTooLarge extends Error {}

/** For a cache: `version` is another after each change of the content, `before` the one that a change found. */
function versioned({ etag, ...stat }: FileStat, etagBefore?: string): JsonObject {
  return { ...stat, version: etag, ...(etagBefore === undefined ? {} : { before: etagBefore }) };
}

/** Answers the file calls of one run. Arguments come from hostile code and are checked here. */
export function createGuestFiles(options: GuestFilesOptions): GuestFiles {
  const { workspace, limits, quota, maxReplyBytes = 64 * 1024 * 1024 } = options;
  const locks = options.locks ?? createFileLocks().open({ tenant: '', agent: '' });
  const growth: Allowance = {
    used: { bytes: 0, files: 0 },
    limit: { bytes: limits.workspaceBytes, files: limits.files },
    refuse: (what, limit) => new GrowthExceeded(what === 'bytes' ? 'workspaceBytes' : 'files', limit),
  };
  /** How this run's changes are made: flushed together at its end, not one by one. */
  const how = { quota, growth, durable: false };
  const changes = createChangedPaths(workspace);
  const placed: string[] = [];
  const underWay = new Set<Promise<unknown>>();
  let reading: Promise<unknown> = Promise.resolve();

  /** One read at a time, so that a flood of them holds one answer in our memory and not all. */
  function inTurn<T>(body: () => Promise<T>): Promise<T> {
    const turn = reading.then(body);
    reading = turn.catch(() => {});
    return turn;
  }

  /** Marks a path as changed when the operation succeeds, or fails in a way that may have changed it. */
  async function changing<T>(path: string, kind: 'file' | 'entry', body: () => Promise<T>): Promise<T> {
    const key = parseGuestPath(path, 'open').parts.join('/');
    let made: T;
    try {
      made = await body();
      changes.mark(key, kind);
    } catch (error) {
      if (error instanceof CordonError && error.code !== 'quota_exceeded') changes.mark(key, kind);
      throw error;
    }
    await changes.prune();
    return made;
  }

  /** `changing`, in place; with the new version if that is asked for. */
  async function changingPart(path: string, version: boolean, body: () => Promise<Changed>): Promise<Answer> {
    const { etagBefore, ...stat } = await changing(path, 'file', body);
    return version ? { value: versioned(stat, etagBefore) } : {};
  }

  const answers: Record<string, (args: Json, bytes: Uint8Array) => Promise<Answer>> = {
    ...lockAnswers(locks),
    'fs.readFile': (raw) => {
      const args = readArgs(raw, ['path', 'offset', 'length', 'version']);
      const [path, offset = 0, length] = [textArg(args, 'path'), countArg(args, 'offset'), countArg(args, 'length')];
      const version = flagArg(args, 'version');
      return inTurn(async () => {
        const file = await workspace.open(path);
        try {
          const rest = Math.max(0, file.stat.bytes - offset);
          const wanted = length === undefined ? rest : Math.min(length, rest);
          if (wanted > maxReplyBytes)
            throw new ReplyTooLarge(`File size (${wanted}) is greater than ${maxReplyBytes}: read ranges of it`);
          const bytes = await file.read({ offset, length: wanted });
          return { value: version ? versioned(file.stat) : { bytes: file.stat.bytes }, bytes };
        } finally {
          file.close();
        }
      });
    },
    'fs.writeFile': (raw, bytes) => {
      const args = readArgs(raw, ['path', 'flag', 'version']);
      const path = textArg(args, 'path');
      const flag = choiceArg(args, 'flag', ['w', 'wx', 'a', 'ax']);
      if (flag === 'w' || flag === 'wx')
        return changing(path, 'file', async () => {
          const { stat } = await workspace.write(path, bytes, { ...how, flag });
          return flagArg(args, 'version') ? { value: versioned(stat) } : {};
        });
      return changingPart(path, flagArg(args, 'version'), () => workspace.append(path, bytes, { ...how, flag }));
    },
    'fs.writeRange': (raw, bytes) => {
      const args = readArgs(raw, ['path', 'offset', 'version']);
      const [path, offset] = [textArg(args, 'path'), requiredCountArg(args, 'offset')];
      return changingPart(path, flagArg(args, 'version'), () => workspace.writeRange(path, offset, bytes, how));
    },
    'fs.truncate': (raw) => {
      const args = readArgs(raw, ['path', 'bytes', 'version']);
      const [path, size] = [textArg(args, 'path'), requiredCountArg(args, 'bytes')];
      return changingPart(path, flagArg(args, 'version'), () => workspace.truncate(path, size, how));
    },
    'fs.sync': async (raw) => {
      await workspace.sync([textArg(readArgs(raw, ['path']), 'path')]);
      return {};
    },
    'fs.stat': async (raw) => {
      const args = readArgs(raw, ['path', 'version']);
      const stat = await workspace.stat(textArg(args, 'path'));
      if (flagArg(args, 'version')) return { value: versioned(stat) };
      const { etag: _, ...shown } = stat;
      return { value: { ...shown } };
    },
    'fs.readdir': (raw) => {
      const args = readArgs(raw, ['path', 'recursive']);
      const [path, recursive] = [textArg(args, 'path'), flagArg(args, 'recursive')];
      return inTurn(async () => {
        const items: JsonObject[] = [];
        let size = 0;
        for await (const entry of recursive ? workspace.walk(path) : await workspace.list(path)) {
          // Names, and what JSON adds to them.
          size += 3 * entry.path.length + 32;
          if (size > maxReplyBytes) throw new ReplyTooLarge('The listing is too long: read its directories one by one');
          items.push({ name: entry.path, type: entry.type });
        }
        return { value: items };
      });
    },
    'fs.mkdir': (raw) => {
      const args = readArgs(raw, ['path', 'recursive']);
      const [path, recursive] = [textArg(args, 'path'), flagArg(args, 'recursive')];
      return changing(path, 'entry', async () => {
        await workspace.mkdir(path, { ...how, recursive });
        return {};
      });
    },
    'fs.rm': async (raw) => {
      const args = readArgs(raw, ['path', 'recursive', 'force']);
      const [path, recursive, force] = [textArg(args, 'path'), flagArg(args, 'recursive'), flagArg(args, 'force')];
      try {
        await workspace.remove(path, { ...how, recursive });
      } catch (error) {
        if (force && error instanceof WorkspaceError && error.code === 'ENOENT') return {};
        throw error;
      }
      const key = parseGuestPath(path, 'rm').parts.join('/');
      changes.unmark(key);
      changes.mark(parentOf(key), 'entry');
      return {};
    },
    'fs.rename': async (raw) => {
      const args = readArgs(raw, ['from', 'to']);
      const [from, to] = [textArg(args, 'from'), textArg(args, 'to')];
      await workspace.rename(from, to, how);
      const [source, target] = [from, to].map((path) => parseGuestPath(path, 'rename').parts.join('/')) as [
        string,
        string,
      ];
      if (source === target) return {};
      changes.unmark(source);
      changes.mark(parentOf(source), 'entry');
      // Whether it is a file or a tree is looked at in the end.
      changes.mark(target, 'tree');
      await changes.prune();
      return {};
    },
    'fs.copyFile': (raw) => {
      const args = readArgs(raw, ['from', 'to', 'exclusive']);
      const [from, to, exclusive] = [textArg(args, 'from'), textArg(args, 'to'), flagArg(args, 'exclusive')];
      return changing(to, 'file', async () => {
        await workspace.copy(from, to, { ...how, exclusive });
        return {};
      });
    },
  };

  async function answer({ op, args, bytes }: HostCall): Promise<HostReply> {
    try {
      const body = Object.hasOwn(answers, op) ? answers[op] : undefined;
      if (body === undefined) throw new ArgumentError('no such operation on files');
      return { ok: true, ...(await body(args, bytes ?? new Uint8Array())) };
    } catch (error) {
      return { ok: false, error: errorForGuest(error, options.onFault) };
    }
  }

  /** A call can outlive its sandbox: what it still writes belongs to the run. */
  async function settled(): Promise<void> {
    while (underWay.size > 0) await Promise.all(underWay);
  }

  return {
    async place(files) {
      for (const { path, content } of files) {
        await workspace.write(path, content, { quota, parents: true, durable: false });
        placed.push(path);
      }
    },
    call(call) {
      const reply = answer(call);
      underWay.add(reply);
      return reply.finally(() => underWay.delete(reply));
    },
    async flush() {
      // Who waits for a lock waits in vain; what is still written is written under the run's locks.
      locks.end();
      await settled();
      locks.release();
      const paths = [...placed, ...(await changes.paths())];
      if (paths.length > 0) await workspace.sync(paths);
    },
    async changed() {
      await settled();
      return changes.files();
    },
  };
}

type GuestError = Extract<HostReply, { ok: false }>['error'];

function errorForGuest(error: unknown, onFault?: (error: unknown) => void): GuestError {
  if (error instanceof ArgumentError)
    return { name: 'TypeError', message: error.message, code: 'ERR_INVALID_ARG_TYPE' };
  if (error instanceof LockError) return { name: 'Error', message: error.message, code: error.code };
  if (error instanceof WorkspaceError) return { name: 'Error', message: error.message, code: error.code };
  if (error instanceof GrowthExceeded)
    return { name: 'Error', message: error.message, code: 'ENOSPC', limit: error.limit };
  if (error instanceof ReplyTooLarge)
    return { name: 'RangeError', message: error.message, code: 'ERR_FS_FILE_TOO_LARGE' };
  if (error instanceof CordonError && error.code === 'quota_exceeded') {
    // Uncaught, it ends the run as its own limit would: the name says that the agent's total is meant.
    const limit = error.details.quota?.name === 'workspaceFiles' ? 'files' : 'workspaceBytes';
    return { name: 'QuotaExceeded', message: error.message, code: 'ENOSPC', limit };
  }
  if (error instanceof CordonError && error.code === 'storage_full') {
    return { name: 'Error', message: `ENOSPC: ${error.message}`, code: 'ENOSPC' };
  }
  onFault?.(error);
  return { name: 'Error', message: 'EIO: i/o error', code: 'EIO' };
}
