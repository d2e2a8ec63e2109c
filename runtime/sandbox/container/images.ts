/** Which images there are, and what runs in them. A caller names one of a list that the operator made, never another. */
import type { Language } from '../driver.ts';
import type { Engine, ImageFacts } from './engine.ts';
import { imageDefinitions } from './image-definitions.ts';
import { protocolVersion } from './messages.ts';

export interface Image {
  /** As callers name it: `python`, or an operator's own image as listed. */
  name: string;
  tag: string;
  /** Programs in it and their versions, by its label. */
  versions: Record<string, string>;
  languages: Language[];
}

export interface Images {
  found: Image[];
  /** Of those that should be there. */
  missing: { name: string; why: string }[];
}

/** Errors: EngineError. */
export async function findImages(engine: Engine, further: readonly string[]): Promise<Images> {
  const found: Image[] = [];
  const missing: { name: string; why: string }[] = [];
  const ours = (await imageDefinitions()).map(({ name, tag }) => ({ name, tag }));
  for (const { name, tag } of [...ours, ...further.map((listed) => ({ name: listed, tag: listed }))]) {
    const facts = await engine.image(tag);
    const why = facts === undefined ? `there is no image ${tag}` : unusable(facts);
    if (facts !== undefined && why === undefined) found.push(readImage(name, tag, facts));
    else
      missing.push({
        name,
        why: `${why}: ${ours.some((own) => own.name === name) ? 'npm run images' : 'see docs/CONTAINERS.md'}`,
      });
  }
  return { found, missing };
}

function unusable({ labels }: ImageFacts): string | undefined {
  const guest = labels['org.cordon.guest'];
  if (guest === undefined) return 'it is not made from an image of Cordon';
  return guest === String(protocolVersion)
    ? undefined
    : `it speaks version ${guest} of the protocol, not ${protocolVersion}`;
}

function readImage(name: string, tag: string, { labels }: ImageFacts): Image {
  const versions = readVersions(labels['org.cordon.versions']);
  const languages: Language[] = ['shell'];
  if (versions.python !== undefined) languages.push('python');
  if (versions.node !== undefined) languages.push('javascript', 'typescript');
  return { name, tag, versions, languages };
}

function readVersions(text: string | undefined): Record<string, string> {
  try {
    return Object.fromEntries(
      Object.entries(JSON.parse(text ?? '{}')).map(([name, version]) => [name, String(version)]),
    );
  } catch {
    return {};
  }
}

const preferred: Record<Language, string> = { shell: 'base', python: 'python', javascript: 'node', typescript: 'node' };

/** The image of a run: the one it names, else the usual one for its language. Undefined: there is none. */
export function chooseImage(images: readonly Image[], language: Language, name?: string): Image | undefined {
  const wanted = images.find((image) => image.name === (name ?? preferred[language]));
  return wanted?.languages.includes(language) ? wanted : undefined;
}
