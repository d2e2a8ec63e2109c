// What Emscripten asks of names: look, make, move, remove. Nodes are made anew at each look and kept by nobody but the
// streams that are open on them, so that a name means what the host says it means.
import { fileId } from './file-id.js';

const modes = { __proto__: null, file: 0o100644, directory: 0o40755 };
const most = 10_000;
const noBytes = new ArrayBuffer(0);

export function createNodes({ FS, host, attributes, cache, files, streams }) {
  /** Times that the program set, by path: the host has only its own. They hold until the content changes. */
  const times = new Map();
  /** The directory that was read last. */
  let listing;
  /** Emscripten has put it into its table of names, which is not asked for names in here. */
  let moved;

  const pathIn = (parent, name) => `${parent.path}/${name}`;

  function makeNode(parent, name, type) {
    const node = new FS.FSNode(parent, name, modes[type], 0);
    node.path = parent === null ? '/workspace' : pathIn(parent, name);
    node.id = fileId(node.path);
    node.node_ops = operations;
    node.stream_ops = streams;
    return node;
  }

  function attributesOf(node, size, { mtime, atime, ctime }, links) {
    return {
      dev: 2,
      ino: node.id,
      mode: node.mode,
      nlink: links,
      uid: 0,
      gid: 0,
      rdev: 0,
      size,
      atime: new Date(atime),
      mtime: new Date(mtime),
      ctime: new Date(ctime),
      blksize: 4096,
      blocks: Math.ceil(size / 512),
    };
  }

  function setSize(node, size) {
    const file = node.file ?? files.at(node.path);
    if (file.orphan !== undefined) return files.resizeOrphan(file, size);
    const { value } = host.ask('fs.truncate', { path: file.path, bytes: size, version: true });
    return cache.truncated(file, size, value);
  }

  function setTimes(node, { atime, mtime }) {
    const path = node.file?.path ?? node.path;
    if (node.file?.orphan !== undefined) return;
    const stat = attributes.stat(path);
    if (times.size >= most) times.clear();
    const modified = stat.modifiedAtMs;
    times.set(path, { atime: atime ?? modified, mtime: mtime ?? modified, ctime: modified, version: stat.version });
  }

  /** Makes or removes a name. The directory that holds it changes with it. */
  function change(directory, name, body) {
    const path = pathIn(directory, name);
    attributes.forget(path);
    times.delete(path);
    body(path);
    attributes.learnType(directory.path, 'directory');
  }

  /** Below the node of an open directory only its listing is looked up, for the kinds of entries, and that told them. */
  function listedType(parent, name) {
    if (!parent.isListed) return undefined;
    if (listing?.path === parent.path) parent.listing ??= listing;
    return parent.listing?.types.get(name) ?? listing?.types.get(name);
  }

  const operations = {
    getattr(node) {
      const { file } = node;
      if (file?.orphan !== undefined) {
        const { atime, mtime, ctime } = node;
        return attributesOf(node, file.orphan.length, { atime, mtime, ctime }, 0);
      }
      const path = file?.path ?? node.path;
      const { bytes, type, version, modifiedAtMs } = attributes.stat(path);
      const set = times.get(path);
      const shown = set?.version === version ? set : { atime: modifiedAtMs, mtime: modifiedAtMs, ctime: modifiedAtMs };
      return attributesOf(node, type === 'directory' ? 4096 : bytes, shown, 1);
    },

    /** Sizes are the host's, times this run's; modes and owners are as they are, and setting them does nothing. */
    setattr(node, { size, atime, mtime }) {
      if (size !== undefined) setSize(node, size);
      if (typeof (atime ?? mtime) === 'number') setTimes(node, { atime, mtime });
    },

    lookup(parent, name) {
      return makeNode(parent, name, listedType(parent, name) ?? attributes.type(pathIn(parent, name)));
    },

    mknod(parent, name, mode) {
      const type = FS.isDir(mode) ? 'directory' : 'file';
      if (type === 'file' && !FS.isFile(mode)) throw host.refusal('EPERM');
      change(parent, name, (path) => {
        if (type === 'directory') {
          host.ask('fs.mkdir', { path, recursive: false });
          attributes.learnType(path, type);
        } else {
          const { value } = host.ask('fs.writeFile', { path, flag: 'ax', version: true }, noBytes);
          attributes.learn(path, value);
        }
      });
      return makeNode(parent, name, type);
    },

    rename(node, directory, name) {
      const from = node.path;
      const to = pathIn(directory, name);
      if (from === to) return;
      const isDirectory = FS.isDir(node.mode);
      const rename = () => void host.ask('fs.rename', { from, to });
      if (isDirectory) rename();
      else files.removing(to, rename);
      files.renamed(from, to);
      if (times.has(from)) times.set(to, times.get(from));
      else times.delete(to);
      times.delete(from);
      node.name = name;
      node.path = to;
      moved = node;
    },

    unlink(parent, name) {
      change(parent, name, (path) => {
        files.removing(path, () => void host.ask('fs.rm', { path, recursive: false, force: false }));
        attributes.forget(path);
      });
    },

    rmdir(parent, name) {
      change(parent, name, (path) => void host.ask('fs.rm', { path, recursive: false, force: false }));
    },

    readdir(node) {
      const { value } = host.ask('fs.readdir', { path: node.path, recursive: false });
      listing = { path: node.path, types: new Map(value.map(({ name, type }) => [name, type])) };
      return ['.', '..', ...listing.types.keys()];
    },

    symlink() {
      throw host.refusal('EPERM');
    },
  };

  return {
    root: () => makeNode(null, '/', 'directory'),
    /** Always asks: a node that was found before may stand for nothing any more. */
    find(parent, name) {
      if (moved !== undefined) FS.hashRemoveNode(moved);
      moved = undefined;
      const errno = FS.mayLookup(parent);
      if (errno) throw new FS.ErrnoError(errno);
      return operations.lookup(parent, name);
    },
    reset() {
      times.clear();
      listing = undefined;
      moved = undefined;
    },
  };
}
