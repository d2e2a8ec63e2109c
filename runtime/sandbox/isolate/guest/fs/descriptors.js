// Descriptors are the guest's own: a path, a position and a mode. Reads and writes go to the host by ranges.
import { Stats } from './entries.js';
import { fromBytes, toBytes, toPath } from './paths.js';

const request = (op, args, bytes) => ({ op, args: Object.assign({ __proto__: null }, args), bytes });

function refuse(code, text, syscall) {
  return Object.assign(new Error(`${code}: ${text}, ${syscall}`), { code, syscall });
}

function flagText(flags) {
  if (typeof flags !== 'number') return `${flags ?? 'r'}`.replace('s', '');
  const access = flags & 3;
  const exclusive = flags & 128 ? 'x' : '';
  if (flags & 1024) return `a${exclusive}${access === 2 ? '+' : ''}`;
  if (flags & 512 || (flags & 64 && exclusive)) return `w${exclusive}${access === 2 ? '+' : ''}`;
  return access === 0 ? 'r' : 'r+';
}

/** The operations on descriptors, and `handle(fd, run)`: node:fs/promises' FileHandle. */
export function createDescriptors(files) {
  const open = new Map();
  let next = 3;
  const find = (fd, syscall) => {
    const found = open.get(fd);
    if (found === undefined) throw refuse('EBADF', 'bad file descriptor', syscall);
    return found;
  };

  const operations = {
    *open(path, flags = 'r') {
      const flag = flagText(flags);
      const full = toPath(path);
      if (!/^(r\+?|[wa]x?\+?|[wa]\+?x?)$/.test(flag)) throw new TypeError(`The flag '${flag}' is not known`);
      if (flag.startsWith('r')) {
        const { value } = yield request('fs.stat', { path: full });
        if (value.type === 'directory' && flag !== 'r')
          throw Object.assign(refuse('EISDIR', 'illegal operation on a directory', `open '${full}'`), { path: full });
      } else {
        yield request('fs.writeFile', { path: full, flag: flag.replace('+', '') }, new ArrayBuffer(0));
      }
      const fd = next++;
      open.set(fd, {
        path: full,
        position: 0,
        append: flag.startsWith('a'),
        reads: /[r+]/.test(flag),
        writes: flag !== 'r',
      });
      return fd;
    },
    // biome-ignore lint/correctness/useYield: every operation is a generator, also one that asks nothing of the host.
    *close(fd) {
      find(fd, 'close');
      open.delete(fd);
    },
    *fstat(fd) {
      const { value } = yield request('fs.stat', { path: find(fd, 'fstat').path });
      return new Stats(value);
    },
    *ftruncate(fd, length = 0) {
      yield request('fs.truncate', { path: find(fd, 'ftruncate').path, bytes: length });
    },
    *read(fd, target, offset, length, position) {
      let into = target;
      let options = offset !== null && typeof offset === 'object' ? offset : { offset, length, position };
      if (target === undefined || (target !== null && !ArrayBuffer.isView(target) && typeof target === 'object')) {
        options = target ?? {};
        into = options.buffer ?? Buffer.alloc(16384);
      }
      const file = find(fd, 'read');
      if (!file.reads) throw refuse('EBADF', 'bad file descriptor', 'read');
      const start = options.offset ?? 0;
      const most = options.length ?? into.byteLength - start;
      const from =
        typeof options.position === 'number' || typeof options.position === 'bigint'
          ? Number(options.position)
          : file.position;
      if (start < 0 || most < 0 || start + most > into.byteLength)
        throw Object.assign(new RangeError(`The range ${start}+${most} lies outside of the buffer`), {
          code: 'ERR_OUT_OF_RANGE',
        });
      const { bytes } = yield request('fs.readFile', { path: file.path, offset: from, length: most });
      const read = new Uint8Array(bytes);
      new Uint8Array(into.buffer, into.byteOffset, into.byteLength).set(read, start);
      if (typeof options.position !== 'number') file.position += read.length;
      return { bytes: read.length, buffer: into };
    },
    *write(fd, data, offset, length, position) {
      const file = find(fd, 'write');
      if (!file.writes) throw refuse('EBADF', 'bad file descriptor', 'write');
      let bytes;
      let at;
      if (typeof data === 'string') {
        bytes = toBytes(data, typeof length === 'string' ? length : undefined);
        at = offset;
      } else {
        const options = offset !== null && typeof offset === 'object' ? offset : { offset, length, position };
        const whole = toBytes(data);
        const start = options.offset ?? 0;
        bytes = whole.slice(
          start,
          options.length === undefined || options.length === null ? undefined : start + options.length,
        );
        at = options.position;
      }
      if (file.append) yield request('fs.writeFile', { path: file.path, flag: 'a' }, bytes);
      else
        yield request('fs.writeRange', { path: file.path, offset: typeof at === 'number' ? at : file.position }, bytes);
      if (typeof at !== 'number') file.position += bytes.byteLength;
      return { bytes: bytes.byteLength, buffer: data };
    },
    *readDescriptor(fd, encoding) {
      const file = find(fd, 'read');
      const { bytes } = yield request('fs.readFile', { path: file.path, offset: file.position });
      file.position += bytes.byteLength;
      return fromBytes(bytes, encoding);
    },
  };
  files.readDescriptor = operations.readDescriptor;
  files.write = operations.write;

  const handle = (fd, run) => ({
    fd,
    read: async (...args) => {
      const { bytes, buffer } = await run('read', fd, ...args);
      return { bytesRead: bytes, buffer };
    },
    write: async (...args) => {
      const { bytes, buffer } = await run('write', fd, ...args);
      return { bytesWritten: bytes, buffer };
    },
    readFile: (options) => run('readFile', fd, options),
    writeFile: (data, options) => run('writeFile', fd, data, options),
    appendFile: (data, options) => run('writeFile', fd, data, options),
    stat: () => run('fstat', fd),
    truncate: (length) => run('ftruncate', fd, length),
    sync: async () => {},
    datasync: async () => {},
    close: () => run('close', fd),
    async [Symbol.asyncDispose]() {
      await run('close', fd);
    },
  });
  const { readDescriptor, ...named } = operations;
  return { operations: named, handle };
}
