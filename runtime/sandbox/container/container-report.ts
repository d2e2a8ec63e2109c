/** The driver of containers as /v1/drivers and the checks of requests see it. */
import type { DriverReport, Language } from '../driver.ts';
import type { Loss } from './engine-contact.ts';
import { chooseImage, type Image } from './images.ts';
import type { Opened, Survey } from './open-engine.ts';

export const containerLanguages: Language[] = ['shell', 'python', 'javascript', 'typescript'];

/** Callers see it: no path of the host. The report has the address, for operators. */
export const whyLost = (detail: string, how: Loss): string =>
  how === 'unfit'
    ? 'The container engine answers and cannot serve: the log of Cordon says why. It is tried again.'
    : `No container engine answers (${detail}). Start one, or name another with CORDON_ENGINE; \`none\` ends the search.`;

export interface Known {
  /** Undefined: no engine answers, and `why` says more. */
  survey: Survey | undefined;
  /** Undefined: runtimes and walls are still being tried. */
  opened: Opened | undefined;
  why: string;
  address: string;
  /** Names of CORDON_REQUIRE_WALLS. */
  required: readonly string[];
  counts: { containers: number; blank: number; leased: number };
}

export function reportContainers(known: Known): DriverReport {
  const { survey, opened, counts } = known;
  const { found, missing } = survey?.images ?? { found: [], missing: [] };
  const reasons = whyNot(known);
  return {
    driver: 'container',
    available: reasons.length === 0,
    ...(reasons.length > 0 ? { reason: reasons.join(' ') } : {}),
    ...(opened && opened.warnings.length > 0 ? { warnings: opened.warnings } : {}),
    languages: containerLanguages.flatMap((language) => {
      const image = chooseImage(found, language);
      return image ? [{ language, version: versionOf(language, image) }] : [];
    }),
    walls: opened?.walls ?? [],
    sandboxes: { workers: counts.containers, blankWorkers: counts.blank, running: counts.leased },
    engine: { address: known.address, ...(survey ? factsShown(survey) : {}) },
    ...(opened ? { runtimes: opened.runtimes } : {}),
    images: found.map(({ name, tag, languages, versions }) => ({ name, tag, languages, versions })),
    missingImages: missing,
  };
}

/** Empty: runs are taken. While walls are still being proved they are, and wait. */
function whyNot({ survey, opened, why, required }: Known): string[] {
  if (survey === undefined) return [why];
  const reasons: string[] = [];
  if (survey.images.found.length === 0) reasons.push(`No image is there (${survey.images.missing[0]?.why}).`);
  if (opened === undefined) return reasons;
  const missing = opened.missingWalls(required);
  if (missing.length > 0) reasons.push(`Required walls do not stand: ${missing.join(', ')}.`);
  const runtime = opened.runtime(undefined);
  if (!runtime.usable) reasons.push(`CORDON_CONTAINER_RUNTIME asks for gVisor: ${runtime.detail}.`);
  return reasons;
}

function factsShown({ facts }: Survey) {
  const { version, apiVersion, rootless, usernsRemap } = facts;
  return { version, apiVersion, rootless, usernsRemap };
}

function versionOf(language: Language, { name, versions }: Image): string {
  const program = { shell: 'bash', python: 'python', javascript: 'node', typescript: 'node' }[language];
  return [program, versions[program], `(image ${name})`].filter(Boolean).join(' ');
}
