// Advisory locks between the runs of an agent. Emscripten's fcntl64 knows none and its flock is empty: both come here.

/** struct flock of musl for wasm32: two shorts, two 64-bit offsets from byte 8, a pid. */
const at = { type: 0, whence: 2, start: 8, length: 16, pid: 24 };
// F_SETLK lies between them.
const F_GETLK = 12;
const F_SETLKW = 14;
const kinds = ['shared', 'exclusive', 'unlock'];
/** An fcntl command of our own: Python's fcntl.flock sends its operation with it. */
const FLOCK = 0x464c;
const LOCK_NB = 4;
const flockKinds = { __proto__: null, 1: 'shared', 2: 'exclusive', 8: 'unlock' };
/** Nobody's process: locks of other runs are shown as its. */
const otherPid = 1;

/**
 * SQLite's write-ahead log shares memory between processes, which runs do not: whoever holds this byte of the -shm file
 * (UNIX_SHM_DMS in os_unix.c) has it alone, so that a second run finds the database busy and not a stale index.
 */
const walByte = 128;

export function createLocks({ FS, host, attributes, files, heap }) {
  let nextHolder = 1;

  /** Asks for a lock; what other runs wrote under theirs is seen afterwards. */
  function change(request) {
    host.ask('fs.lock', request);
    if (request.kind !== 'unlock') attributes.clear();
  }

  function rangeOf(stream, flock) {
    const whence = flock.getInt16(at.whence, true);
    let start = Number(flock.getBigInt64(at.start, true));
    let length = Number(flock.getBigInt64(at.length, true));
    if (whence === 1) start += stream.position;
    else if (whence === 2) start += stream.stream_ops.llseek(stream, 0, 2);
    else if (whence !== 0) throw host.refusal('EINVAL');
    if (length < 0) {
      start += length;
      length = -length;
    }
    if (start < 0) throw host.refusal('EINVAL');
    return { start, length };
  }

  function setRange(stream, flock, wait) {
    const { file } = stream.node;
    let kind = kinds[flock.getInt16(at.type, true)];
    if (kind === undefined) throw host.refusal('EINVAL');
    if ((kind === 'shared' && !stream.isRead) || (kind === 'exclusive' && !stream.isWrite)) throw host.refusal('EBADF');
    const range = rangeOf(stream, flock);
    if (file.orphan !== undefined) return;
    if (kind === 'shared' && range.start === walByte && file.path.endsWith('-shm')) kind = 'exclusive';
    if (kind === 'unlock' && file.lockPath === undefined) return;
    file.lockPath ??= file.path;
    change({ path: file.lockPath, kind, ...range, wait, space: 'fcntl', holder: 0 });
  }

  function testRange(stream, flock) {
    const { file } = stream.node;
    const kind = kinds[flock.getInt16(at.type, true)];
    if (kind === undefined || kind === 'unlock') throw host.refusal('EINVAL');
    const range = rangeOf(stream, flock);
    const path = file.lockPath ?? file.path;
    const found =
      file.orphan === undefined
        ? host.ask('fs.testLock', { path, kind, ...range, space: 'fcntl', holder: 0 }).value.held
        : null;
    if (found === null) return flock.setInt16(at.type, kinds.indexOf('unlock'), true);
    flock.setInt16(at.type, kinds.indexOf(found.kind), true);
    flock.setInt16(at.whence, 0, true);
    flock.setBigInt64(at.start, BigInt(found.start), true);
    flock.setBigInt64(at.length, BigInt(found.length), true);
    flock.setInt32(at.pid, otherPid, true);
    return undefined;
  }

  /** A lock of the whole file that belongs to what `open` made, and to its duplicates. */
  function setWhole({ node: { file }, shared }, operation) {
    const kind = flockKinds[operation & ~LOCK_NB];
    if (kind === undefined) throw host.refusal('EINVAL');
    if (file.orphan !== undefined) return;
    if (kind === 'unlock' && shared.flock === undefined) return;
    shared.flock ??= { path: file.path, holder: nextHolder++ };
    change({ ...shared.flock, kind, start: 0, length: 0, wait: (operation & LOCK_NB) === 0, space: 'flock' });
  }

  function unlock(request) {
    try {
      host.ask('fs.lock', { ...request, kind: 'unlock', start: 0, length: 0, wait: false });
    } catch {
      // The host drops it at the end of the run.
    }
  }

  return {
    /** The system call, for what concerns locks on files of ours: 0 or a negative errno. Undefined: not its business. */
    fcntl64(fd, command, varargs) {
      if (command !== FLOCK && (command < F_GETLK || command > F_SETLKW)) return undefined;
      const stream = FS.getStream(fd);
      if (stream?.node.file === undefined) return undefined;
      try {
        const { buffer } = heap();
        const argument = new DataView(buffer).getInt32(varargs >>> 0, true);
        if (command === FLOCK) setWhole(stream, argument);
        else {
          const flock = new DataView(buffer, argument >>> 0, 32);
          if (command === F_GETLK) testRange(stream, flock);
          else setRange(stream, flock, command === F_SETLKW);
        }
        return 0;
      } catch (error) {
        if (error.errno === undefined) throw error;
        return -error.errno;
      }
    },

    /** As POSIX has it: closing any descriptor of a file drops all of the process's byte ranges of it. */
    closed({ node: { file }, shared }) {
      if (file.lockPath !== undefined) unlock({ path: file.lockPath, space: 'fcntl', holder: 0 });
      file.lockPath = undefined;
      if (shared.flock !== undefined && shared.descriptors === 0) unlock({ ...shared.flock, space: 'flock' });
    },
  };
}
