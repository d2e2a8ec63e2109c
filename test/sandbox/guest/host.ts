/** The host's answers over a Map: enough of a file system and a memory to prove the guest's side. */
export type Files = Map<string, { bytes: Uint8Array; modifiedAtMs: number; directory?: boolean }>;

export class HostError extends Error {
  readonly code: string | undefined;
  readonly limit: string | undefined;
  constructor(name: string, message: string, code?: string, limit?: string) {
    super(message);
    this.name = name;
    this.code = code;
    this.limit = limit;
  }
}

/** An answer that has bytes. */
export class WithBytes {
  readonly value: unknown;
  readonly bytes: ArrayBuffer;
  constructor(value: unknown, bytes: string | Uint8Array) {
    this.value = value;
    this.bytes = new Uint8Array(Buffer.from(bytes)).buffer;
  }
}

export function createFiles(texts: Record<string, string>): Files {
  const files: Files = new Map([['/workspace', { bytes: new Uint8Array(), modifiedAtMs: 0, directory: true }]]);
  for (const [path, text] of Object.entries(texts)) put(files, path, Buffer.from(text));
  return files;
}

function put(files: Files, path: string, bytes: Uint8Array) {
  for (let parent = dirname(path); parent !== '/'; parent = dirname(parent)) {
    if (!files.has(parent)) files.set(parent, { bytes: new Uint8Array(), modifiedAtMs: 0, directory: true });
  }
  files.set(path, { bytes: new Uint8Array(bytes), modifiedAtMs: Date.now() });
}

const dirname = (path: string) => path.slice(0, path.lastIndexOf('/')) || '/';

const texts: Record<string, string> = {
  ENOENT: 'no such file or directory',
  EEXIST: 'file already exists',
  EISDIR: 'illegal operation on a directory',
  ENOTDIR: 'not a directory',
  ENOTEMPTY: 'directory not empty',
};

function refuse(code: string, syscall: string, path: string): never {
  throw new HostError('Error', `${code}: ${texts[code]}, ${syscall} '${path}'`, code);
}

export function answer(
  state: { files: Files; memory: Map<string, { value: unknown; revision: number }> },
  op: string,
  args: any,
  bytes?: ArrayBuffer,
): { value?: unknown; bytes?: ArrayBuffer } {
  const { files, memory } = state;
  const given = new Uint8Array(bytes ?? new ArrayBuffer(0));
  const existing = (syscall: string) => files.get(args.path) ?? refuse('ENOENT', syscall, args.path);
  const children = (path: string) => [...files.keys()].filter((name) => name.startsWith(`${path}/`));
  switch (op) {
    case 'fs.readFile': {
      const file = existing('open');
      if (file.directory) refuse('EISDIR', 'read', args.path);
      const from = args.offset ?? 0;
      return {
        value: { bytes: file.bytes.length },
        bytes: new Uint8Array(file.bytes.slice(from, args.length === undefined ? undefined : from + args.length))
          .buffer,
      };
    }
    case 'fs.writeFile': {
      const old = files.get(args.path);
      if (old?.directory) refuse('EISDIR', 'open', args.path);
      if (!files.get(dirname(args.path))?.directory) refuse('ENOENT', 'open', args.path);
      if (args.flag.includes('x') && old) refuse('EEXIST', 'open', args.path);
      put(files, args.path, args.flag.startsWith('a') && old ? Buffer.concat([old.bytes, given]) : given);
      return {};
    }
    case 'fs.writeRange': {
      const file = existing('open');
      const size = Math.max(file.bytes.length, args.offset + given.length);
      const next = new Uint8Array(size);
      next.set(file.bytes);
      next.set(given, args.offset);
      put(files, args.path, next);
      return {};
    }
    case 'fs.truncate': {
      const next = new Uint8Array(args.bytes);
      next.set(existing('ftruncate').bytes.subarray(0, args.bytes));
      put(files, args.path, next);
      return {};
    }
    case 'fs.stat': {
      const file = existing('stat');
      return {
        value: {
          type: file.directory ? 'directory' : 'file',
          bytes: file.bytes.length,
          modifiedAtMs: file.modifiedAtMs,
          createdAtMs: file.modifiedAtMs,
        },
      };
    }
    case 'fs.readdir': {
      if (!existing('scandir').directory) refuse('ENOTDIR', 'scandir', args.path);
      const names = children(args.path).map((name) => name.slice(args.path.length + 1));
      return {
        value: names
          .filter((name) => args.recursive || !name.includes('/'))
          .map((name) => ({ name, type: files.get(`${args.path}/${name}`)!.directory ? 'directory' : 'file' })),
      };
    }
    case 'fs.mkdir': {
      if (files.has(args.path)) return args.recursive ? {} : refuse('EEXIST', 'mkdir', args.path);
      if (!args.recursive && !files.has(dirname(args.path))) refuse('ENOENT', 'mkdir', args.path);
      put(files, `${args.path}/x`, given);
      files.delete(`${args.path}/x`);
      return {};
    }
    case 'fs.rm': {
      const file = files.get(args.path);
      if (!file) return args.force ? {} : refuse('ENOENT', 'rm', args.path);
      if (children(args.path).length > 0 && !args.recursive) refuse('ENOTEMPTY', 'rm', args.path);
      for (const child of children(args.path)) files.delete(child);
      files.delete(args.path);
      return {};
    }
    case 'fs.rename': {
      const file = files.get(args.from) ?? refuse('ENOENT', 'rename', args.from);
      for (const child of children(args.from)) {
        files.set(args.to + child.slice(args.from.length), files.get(child)!);
        files.delete(child);
      }
      files.delete(args.from);
      files.set(args.to, file);
      return {};
    }
    case 'fs.copyFile': {
      const file = files.get(args.from) ?? refuse('ENOENT', 'copyfile', args.from);
      if (args.exclusive && files.has(args.to)) refuse('EEXIST', 'copyfile', args.to);
      put(files, args.to, file.bytes);
      return {};
    }
    case 'memory.get': {
      const kept = memory.get(args.key);
      return { value: kept ? { found: true, value: kept.value } : { found: false } };
    }
    case 'memory.set': {
      const kept = memory.get(args.key);
      if (args.ifRevision !== undefined && (kept?.revision ?? null) !== args.ifRevision) {
        throw new HostError('RevisionMismatch', `The revision of ${args.key} is not ${args.ifRevision}`);
      }
      memory.set(args.key, { value: args.value, revision: (kept?.revision ?? 0) + 1 });
      return { value: (kept?.revision ?? 0) + 1 };
    }
    case 'memory.delete':
      return { value: memory.delete(args.key) };
    case 'memory.list':
      return {
        value: [...memory]
          .filter(([key]) => key.startsWith(args.prefix ?? ''))
          .map(([key, { value, revision }]) => ({ key, revision, bytes: JSON.stringify(value).length })),
      };
    case 'fetch':
      throw new HostError('EgressDenied', `No egress policy allows ${args.url}`);
    default:
      throw new HostError('Error', `There is no operation ${op}`);
  }
}
