import type Docker from 'dockerode';
import type { ImageDefinition } from '../../runtime/sandbox/container/image-definitions.ts';
import { removeTag, removeUntagged, TEMPORARY } from './engine-images.ts';

/**
 * Removes the images of Cordon that its sources no longer name, and what only a later build would start from. Answers
 * the tags that went, and those that something still uses.
 */
export async function pruneImages(docker: Docker, definitions: ImageDefinition[]) {
  const keep = new Set(definitions.flatMap(({ name, tag }) => [tag, `cordon/${name}:latest`]));
  const repositories = [...definitions.map(({ name }) => `cordon/${name}`), 'cordon/packages', 'cordon/debian'];
  const found = await docker.listImages();
  const ours = found
    .flatMap(({ RepoTags }) => RepoTags ?? [])
    .filter((tag) => repositories.includes(tag.slice(0, tag.lastIndexOf(':'))) && !keep.has(tag));
  const removed: string[] = [];
  const used: string[] = [];
  // An image goes after those that are made on it.
  for (const tag of ours.sort((a, b) => order(a) - order(b)))
    ((await removeTag(docker, tag)) ? removed : used).push(tag);
  // Those that lost their tag while something used them.
  for (const label of [TEMPORARY, 'org.cordon.image'])
    for (const { Id } of await docker.listImages({ filters: { dangling: ['true'], label: [label] } }))
      await removeUntagged(docker, Id);
  return { removed, used };
}

const order = (tag: string) =>
  ['cordon/packages:python', 'cordon/packages:base', 'cordon/debian:'].findIndex((start) => tag.startsWith(start));
