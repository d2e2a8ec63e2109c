/** What the builder asks of an engine. Nothing is left behind when one of these fails. */
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import { BuildError } from './build-error.ts';

export interface Image {
  id: string;
  tags: string[];
  /** `debian@sha256:...`, where it came from a registry. */
  digests: string[];
  labels: Record<string, string>;
  sizeBytes: number;
}

/** Marks what a build needs for a moment; whoever finds one knows that it may go. */
export const TEMPORARY = 'org.cordon.build';

type Say = (line: string) => void;

/** Undefined: there is no such image. */
export async function findImage(docker: Docker, tag: string): Promise<Image | undefined> {
  try {
    const found = await docker.getImage(tag).inspect();
    return {
      id: found.Id,
      tags: found.RepoTags ?? [],
      digests: found.RepoDigests ?? [],
      labels: found.Config?.Labels ?? {},
      sizeBytes: found.Size,
    };
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

/** Errors: BuildError when the engine cannot get it, or has said nothing for `quietMs`. */
export async function pullImage(
  docker: Docker,
  reference: string,
  { quietMs, signal, say }: { quietMs: number; signal: AbortSignal; say: Say },
): Promise<string> {
  const quiet = new AbortController();
  const timer = setTimeout(() => quiet.abort(), quietMs);
  try {
    const [fromImage, digest] = reference.split('@');
    // One tag, never all: without one the engine pulls the whole repository.
    const options = digest === undefined ? { fromImage } : { fromImage: fromImage?.split(':')[0], tag: digest };
    const stream = await docker.createImage({ ...options, abortSignal: AbortSignal.any([signal, quiet.signal]) });
    await followOutput(stream as Readable, ({ status }) => {
      timer.refresh();
      if (status !== undefined) say(status);
    });
    const found = await findImage(docker, digest === undefined ? reference : `${fromImage?.split(':')[0]}@${digest}`);
    if (found === undefined) throw new BuildError(`the engine did not keep ${reference}`);
    return found.id;
  } catch (error) {
    if (quiet.signal.aborted) throw new BuildError(`the registry did not answer within ${quietMs / 1000} s`);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Makes an image of one layer from a tar stream. `changes`: lines of a Dockerfile that set its configuration. */
export async function importImage(
  docker: Docker,
  tar: Readable,
  { changes, signal }: { changes: string[]; signal: AbortSignal },
): Promise<string> {
  let id: string | undefined;
  const stream = await docker.importImage(tar, { changes, abortSignal: signal });
  await followOutput(stream as Readable, ({ status }) => {
    if (status?.startsWith('sha256:')) id = status;
  });
  if (id === undefined) throw new BuildError('the engine did not say which image it made');
  return id;
}

/**
 * Builds a Dockerfile from a tar stream of its folder; without the engine's cache, so that no other build can take away
 * what this one stands on.
 */
export async function buildImage(
  docker: Docker,
  context: Readable,
  { args, network, signal, say }: { args: Record<string, string>; network: boolean; signal: AbortSignal; say: Say },
): Promise<string> {
  let layer: string | undefined;
  let id: string | undefined;
  const lines: string[] = [];
  try {
    const options = { buildargs: args, nocache: true, rm: true, forcerm: true, labels: { [TEMPORARY]: '1' } };
    const networkmode = network ? 'default' : 'none';
    const stream = await docker.buildImage(context, { ...options, networkmode, abortSignal: signal });
    await followOutput(stream as Readable, ({ stream: output, aux }) => {
      for (const line of plain(output ?? '')
        .split('\n')
        .filter((line) => line.trim() !== '')) {
        layer = /^ ---> ([0-9a-f]{12,64})$/.exec(line)?.[1] ?? layer;
        lines.push(line);
        if (lines.length > 40) lines.shift();
        if (!/^ --->|^Removing intermediate/.test(line)) say(line);
      }
      id = aux?.ID ?? id;
    });
    if (id === undefined) throw new BuildError('the engine did not say which image it built');
    return id;
  } catch (error) {
    if (layer !== undefined) await removeUntagged(docker, layer);
    if (signal.aborted) throw error;
    throw new BuildError(`${(error as Error).message}\n${lines.map((line) => `    ${line}`).join('\n')}`);
  }
}

/** Everything of an image as one image of one layer: what its Dockerfile deleted is in no layer below. */
export async function flattenImage(
  docker: Docker,
  id: string,
  { labels, signal }: { labels: Record<string, string>; signal: AbortSignal },
): Promise<string> {
  const { Config, Architecture } = await docker.getImage(id).inspect();
  const quoted = (text: string) => JSON.stringify(text);
  const changes = [
    ...(Config.Env ?? []).map((entry) => {
      const [name, ...value] = entry.split('=');
      return `ENV ${name}=${quoted(value.join('='))}`;
    }),
    ...(Config.User ? [`USER ${Config.User}`] : []),
    ...(Config.WorkingDir ? [`WORKDIR ${Config.WorkingDir}`] : []),
    ...(Config.Entrypoint ? [`ENTRYPOINT ${JSON.stringify(Config.Entrypoint)}`] : []),
    ...(Config.Cmd ? [`CMD ${JSON.stringify(Config.Cmd)}`] : []),
    // A $ would be taken for a variable.
    ...Object.entries(labels).map(([name, value]) => `LABEL ${name}=${quoted(value).replaceAll('$', '\\$')}`),
  ];
  return withContainer(docker, { Image: id, Cmd: ['true'] }, async (container) => {
    const tar = (await container.export({ abortSignal: signal })) as Readable;
    const flat = await importImage(docker, tar, { changes, signal });
    const made = await docker.getImage(flat).inspect();
    if (made.Architecture === Architecture && made.RootFS.Layers?.length === 1) return flat;
    await removeUntagged(docker, flat);
    throw new BuildError(`flattening made an image for ${made.Architecture}, not ${Architecture}`);
  });
}

/** Standard output of a command in an image. Errors: BuildError when it ends badly. */
export async function runInImage(docker: Docker, id: string, command: string[]): Promise<string> {
  const [program, ...args] = command;
  const HostConfig = { NetworkMode: 'none', ReadonlyRootfs: true };
  // A terminal: its log comes as one plain stream.
  const options = { Image: id, Entrypoint: [program!], Cmd: args, HostConfig, Tty: true };
  return withContainer(docker, options, async (container) => {
    await container.start();
    const { StatusCode } = await container.wait();
    // As a stream: dockerode would parse output that happens to be JSON.
    const output = (await text(await container.logs({ stdout: true, stderr: true, follow: true }))).trim();
    if (StatusCode !== 0) throw new BuildError(`${program} ended with ${StatusCode} in the image: ${output}`);
    return output;
  });
}

/** Gives a tag to an image. The image that had it goes, unless something else uses it. */
export async function tagImage(docker: Docker, id: string, tag: string): Promise<void> {
  const former = await findImage(docker, tag);
  const colon = tag.lastIndexOf(':');
  await docker.getImage(id).tag({ repo: tag.slice(0, colon), tag: tag.slice(colon + 1) });
  if (former !== undefined && former.id !== id) await removeUntagged(docker, former.id);
}

/** Takes a tag away, and the image with its last tag. False: a container or another image needs it. */
export async function removeTag(docker: Docker, tag: string): Promise<boolean> {
  try {
    await docker.getImage(tag).remove();
    return true;
  } catch (error) {
    if (statusOf(error) === 404) return true;
    if (statusOf(error) === 409) return false;
    throw error;
  }
}

/** Removes an image that no tag names, with the layers that nothing else uses. Harmless when it is needed or gone. */
export async function removeUntagged(docker: Docker, id: string): Promise<void> {
  for (let tries = 0; tries < 5; tries++) {
    const found = await findImage(docker, id).catch(() => undefined);
    if (found === undefined || found.tags.length > 0) return;
    try {
      return void (await docker.getImage(found.id).remove());
    } catch (error) {
      if (statusOf(error) !== 409) return;
      // The engine may still be removing a build's container.
      await sleep(300);
    }
  }
}

async function withContainer<T>(
  docker: Docker,
  options: Docker.ContainerCreateOptions,
  work: (container: Docker.Container) => Promise<T>,
): Promise<T> {
  const name = `cordon-images-${process.pid}-${randomBytes(4).toString('hex')}`;
  const container = await docker.createContainer({ ...options, name, Labels: { [TEMPORARY]: '1' } });
  try {
    return await work(container);
  } finally {
    await container.remove({ force: true, v: true }).catch(() => undefined);
  }
}

/** Steps colour what they write to standard error. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out.
const plain = (output: string) => output.replace(/\x1b\[[0-9;?]*[A-Za-z]|\r/g, '');

interface OutputLine {
  stream?: string;
  status?: string;
  error?: string;
  aux?: { ID?: string };
}

/** Reads the lines of JSON in which an engine tells how it gets on. Errors: the one that it tells. */
async function followOutput(stream: Readable, line: (line: OutputLine) => void): Promise<void> {
  const broken = new Promise<never>((_, reject) => {
    stream.once('error', reject);
    stream.once('aborted', () => reject(new BuildError('the engine broke the connection')));
  });
  broken.catch(() => undefined);
  const read = async () => {
    for await (const json of createInterface({ input: stream })) {
      if (json.trim() === '') continue;
      const parsed = JSON.parse(json) as OutputLine;
      if (parsed.error !== undefined) throw new BuildError(parsed.error.trim());
      line(parsed);
    }
  };
  await Promise.race([read(), broken]);
}

const statusOf = (error: unknown) => (error as { statusCode?: number }).statusCode;
