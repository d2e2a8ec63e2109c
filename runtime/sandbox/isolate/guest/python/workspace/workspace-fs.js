// The agent's files as a file system of Emscripten: nothing is loaded before it is read, and every change is the host's.
import { createAttributes } from './attributes.js';
import { createBlockCache } from './block-cache.js';
import { createHost } from './host.js';
import { createLocks } from './locks.js';
import { createNodes } from './nodes.js';
import { createOpenFiles } from './open-files.js';
import { createStreams } from './streams.js';

const exclusive = 128;

/**
 * One per interpreter. `codes` is Emscripten's ERRNO_CODES, `ask(op, args, bytes)` the bridge's, `limitOf(error)` the
 * limit a refusal of its stands for, `heap()` the interpreter's memory as HEAPU8.
 */
export function createWorkspaceFs({ FS, codes, ask, limitOf, heap, now = Date.now }) {
  const host = createHost({ FS, codes, ask, limitOf });
  const attributes = createAttributes({ host, codes, now });
  const cache = createBlockCache({ host, attributes });
  const files = createOpenFiles({ host, attributes, cache });
  const streams = createStreams({ FS, codes, host, cache, files, heap });
  const locks = createLocks({ FS, host, attributes, heap });
  streams.tell(locks);
  const nodes = createNodes({ FS, host, attributes, cache, files, streams: streams.operations });
  const type = { mount: nodes.root };

  // Emscripten keeps each name it once saw; here names belong to others, too.
  const { lookupNode, open } = FS;
  FS.lookupNode = (parent, name) => (parent.mount?.type === type ? nodes.find(parent, name) : lookupNode(parent, name));
  FS.open = (path, flags, mode) => {
    const now = () => attributes.opening(() => open(path, flags, mode));
    try {
      return now();
    } catch (error) {
      // Missing when it was looked up, there when it was to be made: somebody else was faster.
      if (error.errno !== codes.EEXIST || flags & exclusive) throw error;
      return now();
    }
  };

  return {
    /** For FS.mount(type, {}, '/workspace'). */
    type,
    /** In place of the imports __syscall_fcntl64 and __syscall_fdatasync; undefined: the original shall answer. */
    fcntl64: locks.fcntl64,
    fdatasync(fd) {
      const stream = FS.getStream(fd);
      if (stream?.node.mount?.type !== type) return undefined;
      try {
        return streams.operations.fsync(stream);
      } catch (error) {
        if (error.errno === undefined) throw error;
        return -error.errno;
      }
    },
    /** What the last refusal for a limit was, when it had this errno: {limit, name, message}. For an uncaught OSError. */
    limitOf(errno) {
      const last = host.lastLimit();
      return last?.errno === errno ? last : undefined;
    },
    /** Forgets everything of a run. Streams must not be used any more. */
    reset() {
      files.reset();
      attributes.clear();
      nodes.reset();
      host.reset();
    },
  };
}
