import { constants, type Stats } from 'node:fs';
import {
  chmod,
  copyFile,
  cp,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { createRequire, stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isGone, processIdentity } from './process-identity.ts';
import { seccompFilter } from './seccomp.ts';
import { seccompLock } from './seccomp-lock.ts';
import { sharedLibraries } from './shared-libraries.ts';

const prefix = 'cordon-jail-';

export interface JailFolder {
  /** The root of the file system inside the jail: nothing else of this machine is in there. */
  readonly root: string;
  /** Where worker sources lie, below `root`. */
  readonly app: string;
  /** A node binary on the host that any uid can execute, and that the jail shows as /bin/node. */
  readonly node: string;
  /** bubblewrap's filter; the jail's /etc/ld.so.preload; the lock for a worker without a jail. */
  readonly startFilter: string;
  readonly preload: string;
  readonly bareLock: string;
  /** Whether filters exist for this machine. */
  readonly hasFilters: boolean;
  /** Puts more files below the app folder: texts, bytes, or what lies elsewhere (linked where possible, its owner keeps it). */
  add(files: ReadonlyMap<string, JailFile>): Promise<void>;
  remove(): Promise<void>;
}

export type JailFile = string | Uint8Array | { from: string };

export interface JailContent {
  scratchDir: string;
  /** Path below the app folder -> text or bytes. A `.ts` text of ours is stored as `.js`, with its types removed. */
  files: ReadonlyMap<string, string | Uint8Array>;
  folders: readonly { from: string; to: string }[];
  /** Also needs a root file system: node's libraries, for bubblewrap. */
  asRoot: boolean;
}

/** Start of the name of every folder made by this process: the next service knows by it whose it was. */
export const jailFolderName = () => `${prefix}${processIdentity(process.pid)}-`;

/** Where the jail folder can lie: the worker's uid has to come there, which rules out a TMPDIR below /root (0700). */
export async function findScratch(wanted: string | undefined): Promise<string> {
  if (wanted !== undefined) {
    await mkdir(wanted, { recursive: true });
    return realpath(wanted);
  }
  for (const candidate of [tmpdir(), '/tmp', '/var/tmp']) {
    const path = await realpath(candidate).catch(() => undefined);
    if (path !== undefined && (await isReachableByAll(path))) return path;
  }
  return realpath(tmpdir());
}

/** Makes the one folder that workers can read. It holds code and assets only, is readable by all and writable by none of them. */
export async function makeJailFolder(content: JailContent): Promise<JailFolder> {
  const root = await mkdtemp(join(content.scratchDir, jailFolderName()));
  try {
    const app = join(root, 'app');
    await mkdir(app);
    await put(join(app, 'package.json'), '{"type":"module"}');
    for (const [path, text] of content.files) await putSource(join(app, path), text);
    for (const { from, to } of content.folders) await cp(from, join(app, to), { recursive: true });
    await place(nativeModuleFile(), join(app, 'native/isolated-vm.node'));
    const node = await nodeBinary(root);
    if (content.asRoot) {
      // Mount points have to exist: the root is bound read-only.
      await put(join(root, 'bin/node'), '');
      for (const path of await sharedLibraries([node, nativeModuleFile()])) await place(path, join(root, path));
      await put(join(root, 'etc/ld.so.preload'), '');
    }
    const filters = {
      startFilter: join(root, 'start.bpf'),
      preload: join(root, 'preload'),
      bareLock: join(root, 'bare-lock.so'),
    };
    const hasFilters = process.platform === 'linux' && (process.arch === 'x64' || process.arch === 'arm64');
    if (hasFilters) {
      const arch = process.arch as 'x64' | 'arm64';
      await put(filters.startFilter, seccompFilter({ arch, stage: 'start', jailed: true }));
      await put(filters.preload, '/lock.so\n');
      await put(join(root, 'lock.so'), seccompLock(arch, seccompFilter({ arch, stage: 'run', jailed: true })));
      await put(filters.bareLock, seccompLock(arch, seccompFilter({ arch, stage: 'run', jailed: false })));
    }
    await openToAll(root);
    return {
      root,
      app,
      node,
      ...filters,
      hasFilters,
      async add(files) {
        for (const [path, file] of files)
          if (typeof file === 'object' && 'from' in file) await place(file.from, join(app, path));
          else await putSource(join(app, path), file);
        for (const folder of new Set([...files.keys()].map((path) => path.split('/')[0] as string)))
          await openToAll(join(app, folder));
      },
      remove: () => rm(root, { recursive: true, force: true }),
    };
  } catch (error) {
    await rm(root, { recursive: true, force: true });
    throw error;
  }
}

/**
 * Removes what services that no longer live left behind (kill -9, power): folders, and processes that were still
 * entering a jail when their service died, before bubblewrap had tied their life to it. Only what is our own.
 */
export async function reapJailFolders(scratchDir: string): Promise<void> {
  for (const entry of await readdir(scratchDir, { withFileTypes: true }).catch(() => [])) {
    if (!entry.isDirectory() || !entry.name.startsWith(prefix)) continue;
    const path = join(scratchDir, entry.name);
    const owner = await stat(path).catch(() => undefined);
    if (owner?.uid !== process.getuid?.() || !isGone(entry.name.slice(prefix.length))) continue;
    await killInside(entry.name);
    await rm(path, { recursive: true, force: true });
  }
}

/** The name is random, so whoever has it among its arguments or mounts belongs to that folder. */
async function killInside(name: string): Promise<void> {
  for (const pid of (await readdir('/proc').catch(() => [])).filter((entry) => /^\d+$/.test(entry))) {
    const read = (file: string) => readFile(`/proc/${pid}/${file}`, 'latin1').catch(() => '');
    const jailed = (await read('mountinfo')).includes(name);
    const entering = (await read('cmdline')).includes(`${name}\0/\0`);
    if (!jailed && !entering) continue;
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // Gone already, or not ours.
    }
  }
}

/** Types are removed here and not in every worker: there it costs 25 ms of CPU at each start. */
async function putSource(path: string, text: string | Uint8Array): Promise<void> {
  if (typeof text !== 'string' || !path.endsWith('.ts')) return put(path, text);
  const script = withoutTypes(text).replace(/(['"])(\.\.?\/[^'"\n]*)\.ts\1/g, '$1$2.js$1');
  await put(path.replace(/\.ts$/, '.js'), script);
}

/** Node calls the function experimental on every start; operators can do nothing with that. */
function withoutTypes(text: string): string {
  const emitWarning = process.emitWarning;
  process.emitWarning = () => {};
  try {
    return stripTypeScriptTypes(text);
  } finally {
    process.emitWarning = emitWarning;
  }
}

async function put(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

/** Under a umask such as 077 nothing of this would be readable for a worker. A link's target is not ours to change. */
async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await openToAll(path);
    else if (entry.isFile() && (await stat(path)).nlink === 1) await chmod(path, 0o755);
  }
}

/** A hard link shares the page cache with the original and costs nothing; another file system needs a copy. */
async function place(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  const source = await realpath(from);
  if (isReadableByAll(await stat(source))) {
    try {
      return await link(source, to);
    } catch {
      // Another file system, or fs.protected_hardlinks.
    }
  }
  await copyFile(source, to, constants.COPYFILE_FICLONE);
}

async function nodeBinary(root: string): Promise<string> {
  const original = await realpath(process.execPath);
  if (await isReachableByAll(original)) return original;
  const copy = join(root, 'node');
  await place(original, copy);
  return copy;
}

/** The checkout may lie below /root (0700), where the worker's uid cannot come. */
async function isReachableByAll(path: string): Promise<boolean> {
  if (process.getuid?.() !== 0) return true;
  if (!isReadableByAll(await stat(path))) return false;
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (((await stat(folder)).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

const isReadableByAll = (file: Stats) => (file.mode & 0o005) === 0o005;

/** The one prebuilt binary that fits, by path: isolated-vm's own loader probes files outside the jail. */
function nativeModuleFile(): string {
  const folder = dirname(createRequire(import.meta.url).resolve('isolated-vm/package.json'));
  const { glibcVersionRuntime } = process.platform === 'linux' ? reportHeader() : { glibcVersionRuntime: undefined };
  const libc = process.platform === 'linux' ? (glibcVersionRuntime === undefined ? '.musl' : '.glibc') : '';
  const platform = `${process.platform}-${process.arch}`;
  return join(folder, `prebuilds/${platform}/isolated-vm.abi${process.versions.modules}${libc}.node`);
}

function reportHeader(): { glibcVersionRuntime?: string } {
  const report = process.report as unknown as {
    excludeNetwork: boolean;
    getReport(): { header: { glibcVersionRuntime?: string } };
  };
  const before = report.excludeNetwork;
  report.excludeNetwork = true;
  try {
    return report.getReport().header;
  } finally {
    report.excludeNetwork = before;
  }
}
