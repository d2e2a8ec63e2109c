// Everything outside of /workspace: Emscripten's file system in memory, private to a run, bounded, and as new for the next.
const MiB = 1024 * 1024;
const SCRATCH_BYTES = 64 * MiB;
const SCRATCH_NODES = 20_000;
const ENOSPC = 51;
const EROFS = 69;

export function createScratch({ FS, MEMFS }) {
  const { file, dir } = MEMFS.ops_table;
  const real = {
    write: file.stream.write,
    setattr: file.node.setattr,
    mknod: dir.node.mknod,
    symlink: dir.node.symlink,
    unlink: dir.node.unlink,
    rename: dir.node.rename,
  };
  /** Files without a name that a descriptor still leads to. */
  const nameless = new Set();
  /** Nodes that every run finds, with what they hold. */
  let kept = new Map();
  let names = [];
  let bytes = 0;
  let nodes = 0;

  const grow = (more) => {
    bytes += more;
    if (bytes > SCRATCH_BYTES) {
      bytes -= more;
      throw new FS.ErrnoError(ENOSPC);
    }
  };
  const oneMore = () => {
    if (++nodes > SCRATCH_NODES) {
      nodes--;
      throw new FS.ErrnoError(ENOSPC);
    }
  };
  const refuseKept = (node) => {
    if (kept.has(node)) throw new FS.ErrnoError(EROFS);
  };
  file.stream.write = (stream, buffer, offset, length, position, canOwn) => {
    refuseKept(stream.node);
    const more = position + length - stream.node.usedBytes;
    if (more > 0) grow(more);
    return real.write(stream, buffer, offset, length, position, canOwn);
  };
  file.node.setattr = (node, attributes) => {
    if (attributes.size !== undefined) {
      refuseKept(node);
      grow(attributes.size - node.usedBytes);
    }
    return real.setattr(node, attributes);
  };
  const openStreams = (node) => FS.streams.filter((stream) => stream?.node === node).length;
  function release(node) {
    if (kept.has(node) || !FS.isFile(node.mode)) return;
    nameless.delete(node);
    bytes -= node.usedBytes;
    nodes--;
  }
  /** Its name is gone; what it holds goes with the last descriptor. */
  function dropped(node) {
    if (node === undefined) return;
    if (openStreams(node) === 0) release(node);
    else nameless.add(node);
  }
  file.stream.close = ({ node }) => {
    if (nameless.has(node) && openStreams(node) <= 1) release(node);
  };
  dir.node.unlink = (parent, name) => {
    const node = parent.contents[name];
    real.unlink(parent, name);
    dropped(node);
  };
  dir.node.rename = (node, parent, name) => {
    const replaced = parent.contents[name];
    real.rename(node, parent, name);
    dropped(replaced);
  };
  dir.node.mknod = (...args) => {
    oneMore();
    return real.mknod(...args);
  };
  dir.node.symlink = (...args) => {
    oneMore();
    return real.symlink(...args);
  };

  return {
    /** Takes what there is now as what every run shall find. */
    remember() {
      kept = new Map();
      names = FS.nameTable.slice();
      for (const first of names)
        for (let node = first; node; node = node.name_next) {
          const { name, parent, mode, name_next, node_ops, stream_ops, rdev, atime, mtime, ctime } = node;
          const facts = { name, parent, mode, name_next, node_ops, stream_ops, rdev, atime, mtime, ctime };
          const contents = FS.isDir(mode) ? { ...node.contents } : node.contents;
          kept.set(node, { ...facts, contents, usedBytes: node.usedBytes, link: node.link });
        }
      bytes = 0;
      nodes = 0;
    },
    restore() {
      nameless.clear();
      FS.nameTable = names.slice();
      for (const [node, { contents, ...facts }] of kept) {
        Object.assign(node, facts);
        if (contents !== undefined) node.contents = FS.isDir(facts.mode) ? { ...contents } : contents;
      }
      bytes = 0;
      nodes = 0;
    },
  };
}
