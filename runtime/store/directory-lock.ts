/**
 * One process per data directory. The lock is SQLite's exclusive file lock (`fcntl`, through Node's own SQLite), the
 * one kernel lock that Node reaches without a native module: it dies with the process, kill -9 included, leaves nothing
 * stale, cannot be lost by a race for a stale file, and holds between containers that share the folder.
 * Nothing else may open the lock file in this process: closing any descriptor of it would give the lock back.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export const lockFile = 'lock';
/** Who holds the lock, for the message only: never evidence. */
export const holderFile = 'lock-holder';

const SQLITE_BUSY = 5;

export class LockedError extends Error {
  /** Process id of the holder, in its own PID namespace; undefined when it is not known. */
  readonly pid: number | undefined;

  constructor(dir: string, holder: { pid?: number; host?: string }) {
    const who = holder.pid === undefined ? 'another process' : `process ${holder.pid} on ${holder.host}`;
    super(`The data directory ${dir} is in use by ${who}: stop it, or set CORDON_DATA to another directory.`);
    this.name = 'LockedError';
    this.pid = holder.pid;
  }
}

/** Takes the lock of `dir`, or throws LockedError at once. Returns what gives it back. */
export function lockDirectory(dir: string): () => void {
  const database = new DatabaseSync(join(dir, lockFile), { timeout: 0 });
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) throw new LockedError(dir, readHolder(dir));
    throw error;
  }
  try {
    writeFileSync(join(dir, holderFile), JSON.stringify({ pid: process.pid, host: hostname() }), { mode: 0o600 });
  } catch {
    // A full disk must not keep the service from reading.
  }
  let held = true;
  return () => {
    if (held) database.close();
    held = false;
  };
}

function readHolder(dir: string): { pid?: number; host?: string } {
  try {
    return JSON.parse(readFileSync(join(dir, holderFile), 'utf8'));
  } catch {
    return {};
  }
}
