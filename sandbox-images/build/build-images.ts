/** Makes the images that are missing, in order, each from what it needs. */
import type { ImageDefinition, ImageName } from '../../runtime/sandbox/container/image-definitions.ts';
import { buildFinal, buildPackages, type Work } from './build-image.ts';
import { provideDebian } from './debian.ts';
import { findImage, tagImage } from './engine-images.ts';

export interface BuildOptions extends Work {
  definitions: ImageDefinition[];
  wanted: readonly ImageName[];
  /** Makes again what is there already, with the newest packages. */
  force: boolean;
}

/** Answers the names of the images that it made. What exists under its hash is left as it is. */
export async function buildImages(options: BuildOptions): Promise<ImageName[]> {
  const { definitions, wanted, force, docker, report } = options;
  const byName = (name: ImageName) => definitions.find((definition) => definition.name === name)!;
  const made: ImageName[] = [];
  const packagesMade = new Set<ImageName>();

  async function packages(name: ImageName, anew: boolean): Promise<string> {
    const definition = byName(name);
    const { tag, on } = definition.packages!;
    if (packagesMade.has(name) || (!anew && (await findImage(docker, tag)) !== undefined)) return tag;
    const from =
      on === undefined
        ? await provideDebian({ ...options, force: anew, folder: definition.folder })
        : await packages(on, anew);
    await buildPackages(options, definition, from);
    packagesMade.add(name);
    return tag;
  }

  async function image(name: ImageName, asked: boolean): Promise<string> {
    const definition = byName(name);
    const { tag, on } = definition;
    if (made.includes(name)) return tag;
    const present = await findImage(docker, tag);
    if (present !== undefined && !(force && asked)) {
      await tagImage(docker, present.id, `cordon/${name}:latest`);
      if (asked) report.note(name, `${tag} is there`);
      return tag;
    }
    await buildFinal(
      options,
      definition,
      on === undefined ? await packages(name, force && asked) : await image(on, false),
    );
    made.push(name);
    return tag;
  }

  for (const { name } of definitions) if (wanted.includes(name)) await image(name, true);
  return made;
}
