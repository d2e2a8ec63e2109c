// Contents of files, in blocks: the least recently used go when there are too many.
const blockBytes = 64 * 1024;
/** Of all files of a run together. */
const mostBytes = 16 * 1024 * 1024;
/** Sequential reads fetch up to this much ahead. */
const mostAhead = 16;
/** What a block costs besides its bytes. */
const overhead = 512;
/** A read of this size is passed on as it is: what streams through would only push out the rest. */
const directBytes = 1024 * 1024;
const pieceBytes = 4 * 1024 * 1024;

/**
 * Files here have `path`, `version`, `blocks` (index -> block), `next` (where a sequential read goes on) and `ahead`.
 * Blocks are of the file's `version`: with another one they are dropped.
 */
export function createBlockCache({ host, attributes }) {
  /** Oldest use first. */
  const used = new Set();
  let held = 0;

  function dropBlock(block) {
    used.delete(block);
    held -= block.bytes.length + overhead;
    block.file.blocks.delete(block.index);
  }

  function drop(file) {
    for (const block of [...file.blocks.values()]) dropBlock(block);
  }

  function learn(file, stat) {
    if (stat.version !== file.version) drop(file);
    file.version = stat.version;
    attributes.learn(file.path, stat);
  }

  function keep(file, index, bytes) {
    const old = file.blocks.get(index);
    if (old !== undefined) dropBlock(old);
    const block = { file, index, bytes, length: bytes.length };
    file.blocks.set(index, block);
    used.add(block);
    held += bytes.length + overhead;
    for (const oldest of used) {
      if (held <= mostBytes || oldest === block) break;
      dropBlock(oldest);
    }
    return block;
  }

  /** Fetches a range and tells whether the file is still the version that is known. */
  function fetch(file, offset, length) {
    const { value, bytes } = host.ask('fs.readFile', { path: file.path, offset, length, version: true });
    learn(file, value);
    return new Uint8Array(bytes);
  }

  /** The block that holds `at`, with some after it; undefined when the file ends before. */
  function load(file, at, end) {
    const index = Math.floor(at / blockBytes);
    const wanted = Math.ceil(end / blockBytes) - index;
    file.ahead = at === file.next ? Math.min(mostAhead, file.ahead * 2) : 1;
    const count = Math.max(file.ahead, Math.min(mostAhead, wanted));
    const start = index * blockBytes;
    const bytes = fetch(file, start, count * blockBytes);
    let first;
    for (let from = 0; from < bytes.length; from += blockBytes) {
      const block = keep(file, index + from / blockBytes, bytes.slice(from, from + blockBytes));
      first ??= block;
    }
    return first;
  }

  function readDirect(file, into, offset, position, length) {
    let done = 0;
    while (done < length) {
      const bytes = fetch(file, position + done, Math.min(pieceBytes, length - done));
      into.set(bytes, offset + done);
      done += bytes.length;
      if (bytes.length === 0) break;
    }
    return done;
  }

  /** What an own change of a file means for its blocks. */
  function changed(file, { before, ...stat }, patch) {
    // Somebody else's change came before: what is here is older than both.
    if (before !== file.version) drop(file);
    else for (const block of [...file.blocks.values()]) patch(block);
    file.version = stat.version;
    attributes.learn(file.path, stat);
    return stat;
  }

  return {
    drop,

    /** The stat as of now; blocks of another version are dropped. */
    validate(file) {
      const stat = attributes.stat(file.path);
      if (stat.version !== file.version) drop(file);
      file.version = stat.version;
      return stat;
    },

    /** Reads into a typed array of bytes at `offset`; answers how many. */
    read(file, into, offset, length, position) {
      const { bytes: size } = this.validate(file);
      const end = Math.min(size, position + length);
      if (end <= position) return 0;
      if (end - position >= directBytes) return readDirect(file, into, offset, position, end - position);
      let at = position;
      while (at < end) {
        const index = Math.floor(at / blockBytes);
        const start = index * blockBytes;
        let block = file.blocks.get(index);
        if (block === undefined) block = load(file, at, end);
        else {
          used.delete(block);
          used.add(block);
        }
        // It became shorter meanwhile.
        if (block === undefined || at - start >= block.length) break;
        const stop = Math.min(block.length, end - start);
        into.set(block.bytes.subarray(at - start, stop), offset + at - position);
        at = start + stop;
      }
      file.next = at;
      return at - position;
    },

    /** `bytes` were written at `position`; `value` is the host's answer. */
    written(file, bytes, position, value) {
      const end = position + bytes.length;
      return changed(file, value, (block) => {
        const start = block.index * blockBytes;
        const from = Math.max(position, start) - start;
        const to = Math.min(end, start + blockBytes) - start;
        // A last block, and a hole after it.
        if (block.length < blockBytes && from > block.length) return dropBlock(block);
        if (from >= to) return undefined;
        if (to > block.bytes.length) {
          const grown = new Uint8Array(blockBytes);
          grown.set(block.bytes);
          held += blockBytes - block.bytes.length;
          block.bytes = grown;
        }
        block.bytes.set(bytes.subarray(from + start - position, to + start - position), from);
        block.length = Math.max(block.length, to);
        return undefined;
      });
    },

    truncated(file, size, value) {
      return changed(file, value, (block) => {
        const start = block.index * blockBytes;
        const end = Math.min(size - start, blockBytes);
        if (end <= 0 || end > block.length) dropBlock(block);
        else block.length = end;
      });
    },

    /** Whether these bytes are known to be what the file has there. */
    holds(file, bytes, position) {
      const index = Math.floor(position / blockBytes);
      const block = file.blocks.get(index);
      const from = position - index * blockBytes;
      if (block === undefined || from + bytes.length > block.length) return false;
      for (let i = 0; i < bytes.length; i++) if (block.bytes[from + i] !== bytes[i]) return false;
      return true;
    },
  };
}

export { blockBytes, pieceBytes };
