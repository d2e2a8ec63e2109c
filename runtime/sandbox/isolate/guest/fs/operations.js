// Each operation yields host calls {op, args, bytes} and answers what node:fs answers.
import { Dirent, Stats } from './entries.js';
import { fromBytes, toBytes, toOptions, toPath } from './paths.js';

function nodeError(code, text, syscall, path) {
  const error = new Error(`${code}: ${text}, ${syscall} '${path}'`);
  return Object.assign(error, { code, syscall, path });
}

const request = (op, args, bytes) => ({ op, args: Object.assign({ __proto__: null }, args), bytes });

function* stat(path) {
  const { value } = yield request('fs.stat', { path });
  return new Stats(value);
}

function* statOrNothing(path, options) {
  try {
    return yield* stat(toPath(path));
  } catch (error) {
    if (options?.throwIfNoEntry === false && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Everything but the operations on descriptors, by name; `file` may be a descriptor too (see descriptors.js). */
export function createOperations() {
  const all = {
    *readFile(file, options) {
      const { encoding, flag } = toOptions(options);
      if (typeof file === 'number' || typeof file?.fd === 'number')
        return yield* all.readDescriptor(file?.fd ?? file, encoding);
      if (flag !== undefined && /^[wa]/.test(flag)) throw new TypeError(`readFile cannot read with the flag '${flag}'`);
      const { bytes } = yield request('fs.readFile', { path: toPath(file) });
      return fromBytes(bytes, encoding);
    },
    *writeFile(file, data, options) {
      const { encoding, flag = 'w' } = toOptions(options);
      if (typeof file === 'number' || typeof file?.fd === 'number') {
        const bytes = new Uint8Array(toBytes(data, encoding));
        yield* all.write(file?.fd ?? file, bytes);
        return;
      }
      yield request('fs.writeFile', { path: toPath(file), flag: flag.replace(/[+s]/g, '') }, toBytes(data, encoding));
    },
    *appendFile(file, data, options) {
      yield* all.writeFile(file, data, { ...toOptions(options), flag: 'a' });
    },
    *mkdir(path, options) {
      const full = toPath(path);
      const recursive = Boolean(typeof options === 'object' && options?.recursive);
      const first = recursive ? yield* firstMissing(full) : undefined;
      yield request('fs.mkdir', { path: full, recursive });
      return first;
    },
    *mkdtemp(prefix) {
      const full = toPath(prefix) + (/\/$/.test(prefix) ? '/' : '');
      const path =
        full +
        Array.from(new Uint8Array(cordon.random(6)), (byte) => 'abcdefghijklmnopqrstuvwxyz0123456789'[byte % 36]).join(
          '',
        );
      yield request('fs.mkdir', { path, recursive: false });
      return path;
    },
    *readdir(path, options) {
      const { withFileTypes, recursive } = toOptions(options);
      const full = toPath(path);
      const { value } = yield request('fs.readdir', { path: full, recursive: Boolean(recursive) });
      if (!withFileTypes) return value.map(({ name }) => name);
      return value.map(({ name, type }) => {
        const slash = name.lastIndexOf('/');
        const parent = `${path}`.replace(/(.)\/$/, '$1');
        return new Dirent(name.slice(slash + 1), slash < 0 ? parent : `${parent}/${name.slice(0, slash)}`, type);
      });
    },
    stat: statOrNothing,
    lstat: statOrNothing,
    *access(path) {
      yield request('fs.stat', { path: toPath(path) });
    },
    *exists(path) {
      try {
        yield request('fs.stat', { path: toPath(path) });
        return true;
      } catch {
        return false;
      }
    },
    *realpath(path) {
      const full = toPath(path);
      yield request('fs.stat', { path: full });
      return full;
    },
    *rm(path, options) {
      const full = toPath(path);
      const { recursive = false, force = false } = options ?? {};
      if (!recursive) {
        const found = yield* statOrNothing(full, { throwIfNoEntry: !force });
        if (found?.isDirectory())
          throw Object.assign(nodeError('ERR_FS_EISDIR', 'Path is a directory', 'rm', full), { code: 'ERR_FS_EISDIR' });
      }
      yield request('fs.rm', { path: full, recursive: Boolean(recursive), force: Boolean(force) });
    },
    *unlink(path) {
      const full = toPath(path);
      if ((yield* stat(full)).isDirectory())
        throw nodeError('EISDIR', 'illegal operation on a directory', 'unlink', full);
      yield request('fs.rm', { path: full, recursive: false, force: false });
    },
    *rmdir(path, options) {
      const full = toPath(path);
      if (!(yield* stat(full)).isDirectory()) throw nodeError('ENOTDIR', 'not a directory', 'rmdir', full);
      yield request('fs.rm', { path: full, recursive: Boolean(options?.recursive), force: false });
    },
    *rename(from, to) {
      yield request('fs.rename', { from: toPath(from, 'oldPath'), to: toPath(to, 'newPath') });
    },
    *copyFile(from, to, mode = 0) {
      yield request('fs.copyFile', { from: toPath(from, 'src'), to: toPath(to, 'dest'), exclusive: (mode & 1) === 1 });
    },
    *cp(from, to, options = {}) {
      const [source, target] = [toPath(from), toPath(to)];
      const { value } = yield request('fs.stat', { path: source });
      if (value.type === 'file') {
        yield request('fs.copyFile', {
          from: source,
          to: target,
          exclusive: options.errorOnExist === true && options.force === false,
        });
        return;
      }
      if (!options.recursive)
        throw nodeError('ERR_FS_EISDIR', 'Recursive option not enabled, cannot copy a directory', 'cp', source);
      yield request('fs.mkdir', { path: target, recursive: true });
      const { value: entries } = yield request('fs.readdir', { path: source, recursive: false });
      for (const entry of entries) yield* all.cp(`${source}/${entry.name}`, `${target}/${entry.name}`, options);
    },
    *truncate(path, length = 0) {
      yield request('fs.truncate', { path: toPath(path), bytes: length });
    },
  };
  return all;
}

function* firstMissing(path) {
  let first;
  for (let at = path; at !== '/' && at !== '/workspace'; at = at.slice(0, at.lastIndexOf('/')) || '/') {
    try {
      yield request('fs.stat', { path: at });
      return first;
    } catch (error) {
      if (error.code !== 'ENOENT') return first;
      first = at;
    }
  }
  return first;
}
