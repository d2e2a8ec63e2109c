/** Makes one image: packages, the guest's parts on top, flattened to one layer, labelled and tagged. */
import { readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type Docker from 'dockerode';
import { GUEST_PROTOCOL, type ImageDefinition } from '../../runtime/sandbox/container/image-definitions.ts';
import { BuildError } from './build-error.ts';
import { nodeArchitecture } from './debian.ts';
import { buildImage, findImage, flattenImage, removeUntagged, runInImage, tagImage } from './engine-images.ts';
import type { Report } from './report.ts';
import { type PackedFile, packTar } from './tar.ts';

export interface Work {
  docker: Docker;
  report: Report;
  signal: AbortSignal;
}

/** Makes the image of the packages, `from` another one, and tags it. */
export async function buildPackages({ docker, report, signal }: Work, definition: ImageDefinition, from: string) {
  const { name, packages } = definition;
  if (packages === undefined) throw new Error(`${name} has no packages`);
  await report.step(name, 'install packages', async (say) => {
    const context = packTar([
      { path: 'Dockerfile', executable: false, content: Buffer.from(packages.dockerfile, 'utf8') },
    ]);
    const args = { [packages.on === undefined ? 'DEBIAN' : 'PACKAGES']: from };
    await tagImage(docker, await buildImage(docker, context, { args, network: true, signal, say }), packages.tag);
  });
}

/** Makes the image `from` another one, and tags it with its hash and as the latest. */
export async function buildFinal({ docker, report, signal }: Work, definition: ImageDefinition, from: string) {
  const { name, hash, tag } = definition;
  const args = { [definition.on === undefined ? 'PACKAGES' : 'BASE']: from };
  const built = await report.step(name, 'put the guest in', async (say) =>
    buildImage(docker, packTar(await contextOf(docker, definition)), { args, network: false, signal, say }),
  );
  try {
    const versions = await runInImage(docker, built, ['/usr/bin/python3', '-I', '-B', '-c', await versionsProgram()]);
    const labels = {
      'org.cordon.image': name,
      'org.cordon.hash': hash,
      'org.cordon.guest': GUEST_PROTOCOL,
      'org.cordon.versions': JSON.stringify(JSON.parse(versions)),
    };
    const flat = await report.step(name, 'flatten', () => flattenImage(docker, built, { labels, signal }));
    await tagImage(docker, flat, tag);
    await tagImage(docker, flat, `cordon/${name}:latest`);
  } finally {
    await removeUntagged(docker, built);
  }
  const { sizeBytes } = (await findImage(docker, tag)) ?? { sizeBytes: 0 };
  report.note(name, `${tag}, ${Math.round(sizeBytes / 1e6)} MB`);
}

const versionsProgram = () => readFile(new URL('./versions.py', import.meta.url), 'utf8');

async function contextOf(docker: Docker, { context, node }: ImageDefinition): Promise<PackedFile[]> {
  const files = await Promise.all(
    context.map(async ({ path, source, executable }) => ({ path, executable, content: await readFile(source) })),
  );
  return node === undefined ? files : [...files, ...(await nodeFiles(docker, node))];
}

async function nodeFiles(docker: Docker, node: NonNullable<ImageDefinition['node']>): Promise<PackedFile[]> {
  const { Architecture } = await docker.info();
  const packageName = node.packages[nodeArchitecture(Architecture)];
  if (packageName === undefined) throw new BuildError(`There is no Node.js for an engine on ${Architecture}.`);
  const source = nodeBinary(packageName, node.version);
  const { size } = await stat(source);
  const { buildNodeGuest } = await import('./node-guest.ts');
  const guest = await buildNodeGuest();
  return [
    { path: 'node', executable: true, content: { source, size } },
    ...[...guest].map(([path, content]) => ({
      path: `guest/${path}`,
      executable: false,
      content: Buffer.from(content),
    })),
  ];
}

function nodeBinary(packageName: string, version: string): string {
  try {
    const require = createRequire(import.meta.url);
    const manifest = require.resolve(`${packageName}/package.json`);
    if (require(manifest).version !== version)
      throw new BuildError(`${packageName} is not version ${version}: run npm ci`);
    return fileURLToPath(new URL('./bin/node', `file://${manifest}`));
  } catch (error) {
    if (error instanceof BuildError) throw error;
    throw new BuildError(
      `${packageName} ${version} is not installed (npm ci --include=optional): the node image takes its binary from there.`,
    );
  }
}
