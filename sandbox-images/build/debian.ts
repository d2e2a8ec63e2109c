/** The system that all images start from: Debian's registry image, or the same made by mmdebstrap. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { BuildError } from './build-error.ts';
import { findImage, importImage, pullImage, removeUntagged, tagImage } from './engine-images.ts';
import type { Report } from './report.ts';

export const DEBIAN_TAG = 'cordon/debian:bookworm';

/** A registry that says nothing for so long is taken for unreachable. */
const QUIET_MS = 15_000;
const SOURCE_LABEL = 'org.cordon.source';

interface Options {
  docker: Docker;
  /** The folder of the base image: its Dockerfile pins the registry image. */
  folder: string;
  /** Gets it anew. */
  force: boolean;
  report: Report;
  signal: AbortSignal;
}

/** Answers the tag, once the engine has it. */
export async function provideDebian({ docker, folder, force, report, signal }: Options): Promise<string> {
  const pinned = await pinnedReference(folder);
  const present = await findImage(docker, DEBIAN_TAG);
  const digest = pinned.split('@')[1] ?? '';
  const current =
    present?.labels[SOURCE_LABEL] === 'mmdebstrap' || present?.digests.some((name) => name.endsWith(digest));
  if (!force && current) return DEBIAN_TAG;

  const id = await report.step('debian', 'ask the registry', (say) =>
    pullImage(docker, pinned, { quietMs: QUIET_MS, signal, say }).catch((error: Error) => {
      signal.throwIfAborted();
      return { unreachable: error.message };
    }),
  );
  if (typeof id === 'string') {
    await tagImage(docker, id, DEBIAN_TAG);
    return DEBIAN_TAG;
  }
  report.note('debian', `no registry: ${id.unreachable}`);
  const made = await report.step('debian', 'make it with mmdebstrap', (say) => bootstrap(docker, signal, say));
  await tagImage(docker, made, DEBIAN_TAG);
  return DEBIAN_TAG;
}

async function pinnedReference(folder: string): Promise<string> {
  const dockerfile = await readFile(join(folder, 'packages.Dockerfile'), 'utf8');
  const pinned = /^ARG DEBIAN=(\S+)$/m.exec(dockerfile)?.[1];
  if (pinned === undefined) throw new BuildError(`${folder}/packages.Dockerfile has no ARG DEBIAN=`);
  return pinned;
}

async function bootstrap(docker: Docker, signal: AbortSignal, say: (line: string) => void): Promise<string> {
  await sameArchitecture(docker);
  const command = ['--variant=minbase', '--include=ca-certificates', '--format=tar', 'bookworm', '-'];
  const child = spawn('mmdebstrap', command, { stdio: ['ignore', 'pipe', 'pipe'], signal, killSignal: 'SIGTERM' });
  let told = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    told = (told + text).slice(-3000);
    say(text.trim().split('\n').at(-1) ?? '');
  });
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') reject(new BuildError(NO_WAY));
      else reject(error);
    });
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new BuildError(`mmdebstrap ended with ${code}:\n${told.trim()}`)),
    );
  });
  const imported = importImage(docker, child.stdout, { changes: [`LABEL ${SOURCE_LABEL}=mmdebstrap`], signal });
  const [end, image] = await Promise.allSettled([ended, imported]);
  if (end.status === 'fulfilled' && image.status === 'fulfilled') return image.value;
  // A tar that broke off at the right place is an image for the engine, and half a system.
  if (image.status === 'fulfilled') await removeUntagged(docker, image.value);
  child.kill();
  throw end.status === 'rejected' ? end.reason : (image as PromiseRejectedResult).reason;
}

const NO_WAY =
  'There is no registry to pull Debian from, and no mmdebstrap to make it with. Install mmdebstrap (on Debian and Ubuntu: apt-get install mmdebstrap), or let the engine reach a registry.';

/** mmdebstrap makes a system for the processor that it runs on. */
async function sameArchitecture(docker: Docker): Promise<void> {
  const { Architecture } = await docker.info();
  if (nodeArchitecture(Architecture) !== process.arch)
    throw new BuildError(
      `The engine runs on ${Architecture}, this machine is ${process.arch}: it must pull Debian from a registry.`,
    );
}

/** An engine's name of a processor in Node's words. */
export const nodeArchitecture = (name: string) => ({ x86_64: 'x64', aarch64: 'arm64' })[name] ?? name;
