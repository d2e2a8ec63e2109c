// Files by path, as long as a stream or a cached block needs them. An open file follows its path when this run renames
// it, and becomes private to the run when this run removes it.

/** Contents of removed files that are still open, of a run together; what does not fit is lost to its streams. */
const mostOrphanBytes = 16 * 1024 * 1024;

export function createOpenFiles({ host, attributes, cache }) {
  const files = new Map();
  let orphanBytes = 0;

  function at(path) {
    let file = files.get(path);
    if (file === undefined) {
      file = {
        path,
        version: undefined,
        blocks: new Map(),
        next: 0,
        ahead: 1,
        streams: 0,
        orphan: undefined,
        lockPath: undefined,
      };
      files.set(path, file);
    }
    return file;
  }

  function forgetUnused() {
    for (const [path, file] of files) if (file.streams === 0 && file.blocks.size === 0) files.delete(path);
  }

  function reserve(bytes) {
    if (orphanBytes + bytes > mostOrphanBytes) throw host.refusal('ENOSPC');
    orphanBytes += bytes;
  }

  /** The whole of a file that is about to lose its name; undefined when it is too large to be kept. */
  function contentOf(file) {
    const size = cache.validate(file).bytes;
    if (orphanBytes + size > mostOrphanBytes) return undefined;
    const bytes = new Uint8Array(size);
    return bytes.subarray(0, cache.read(file, bytes, 0, size, 0));
  }

  return {
    at,
    all: () => files.values(),
    get: (path) => files.get(path),

    open(path) {
      if (files.size > 1000) forgetUnused();
      const file = at(path);
      file.streams++;
      return file;
    },

    closed(file) {
      if (--file.streams > 0) return;
      if (file.orphan !== undefined) {
        orphanBytes -= file.orphan.bytes.length;
        file.orphan = undefined;
      } else if (file.blocks.size === 0) files.delete(file.path);
    },

    /** Runs `remove`, which takes the file's name away; streams that are open on it go on with its content. */
    removing(path, remove) {
      const file = files.get(path);
      const content = file !== undefined && file.streams > 0 ? contentOf(file) : undefined;
      remove();
      if (file === undefined) return;
      files.delete(path);
      cache.drop(file);
      if (file.streams === 0) return;
      if (content !== undefined) reserve(content.length);
      file.orphan = { bytes: content ?? new Uint8Array(0), length: content?.length ?? 0, lost: content === undefined };
    },

    /** The same for what lies below a path, too. */
    renamed(from, to) {
      const below = `${from}/`;
      for (const [path, file] of [...files]) {
        if (path !== from && !path.startsWith(below)) continue;
        files.delete(path);
        file.path = to + path.slice(from.length);
        files.set(file.path, file);
      }
      attributes.clear();
    },

    /** Makes room in an orphan for `length` bytes; zeros are added, or the end is cut off. */
    resizeOrphan({ orphan }, length) {
      if (orphan.lost) throw host.refusal('ESTALE');
      if (length > orphan.bytes.length) {
        const capacity = Math.max(length, Math.min(orphan.bytes.length * 2, length + 1024 * 1024));
        reserve(capacity - orphan.bytes.length);
        const grown = new Uint8Array(capacity);
        grown.set(orphan.bytes.subarray(0, orphan.length));
        orphan.bytes = grown;
      } else if (length < orphan.length) orphan.bytes.fill(0, length, orphan.length);
      orphan.length = length;
    },

    reset() {
      for (const file of files.values()) cache.drop(file);
      files.clear();
      orphanBytes = 0;
    },
  };
}
