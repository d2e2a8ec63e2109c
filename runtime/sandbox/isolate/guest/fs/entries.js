// What stat and readdir answer.
export class Stats {
  constructor({ type, bytes, modifiedAtMs, createdAtMs }) {
    const isDirectory = type === 'directory';
    Object.assign(this, {
      dev: 0,
      mode: isDirectory ? 0o40755 : 0o100644,
      nlink: 1,
      uid: 0,
      gid: 0,
      rdev: 0,
      blksize: 4096,
      ino: 0,
      size: bytes,
      blocks: Math.ceil(bytes / 512),
      atimeMs: modifiedAtMs,
      mtimeMs: modifiedAtMs,
      ctimeMs: modifiedAtMs,
      birthtimeMs: createdAtMs ?? modifiedAtMs,
      atime: new Date(modifiedAtMs),
      mtime: new Date(modifiedAtMs),
      ctime: new Date(modifiedAtMs),
      birthtime: new Date(createdAtMs ?? modifiedAtMs),
    });
    kinds(this, type);
  }
}

export class Dirent {
  constructor(name, parentPath, type) {
    this.name = name;
    this.parentPath = parentPath;
    kinds(this, type);
  }
}

/** isFile, isDirectory and the kinds that the workspace never has. */
function kinds(entry, type) {
  Object.defineProperty(entry, kind, { value: type });
}
const kind = Symbol('kind');
for (const made of [Stats, Dirent]) {
  const methods = {
    isFile() {
      return this[kind] === 'file';
    },
    isDirectory() {
      return this[kind] === 'directory';
    },
  };
  for (const name of ['isSymbolicLink', 'isFIFO', 'isSocket', 'isBlockDevice', 'isCharacterDevice'])
    methods[name] = () => false;
  for (const name of Object.keys(methods))
    Object.defineProperty(made.prototype, name, { value: methods[name], writable: true, configurable: true });
}
