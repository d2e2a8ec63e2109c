/** What a caller may ask of a run, and the checks that turn it into a `RunRequest`. */
import type { Agents } from '../runtime/agent/agents.ts';
import { runLimits } from '../runtime/agent/quotas.ts';
import { type AgentSandbox, checkImage } from '../runtime/agent/sandbox-choice.ts';
import type { Config } from '../runtime/config.ts';
import { CordonError, fieldError } from '../runtime/errors.ts';
import type { Json } from '../runtime/json.ts';
import type { RequestFile, RunRequest } from '../runtime/run/record.ts';
import type { DriverKind, DriverReport, Language } from '../runtime/sandbox/driver.ts';
import type { Limits } from '../runtime/sandbox/limits.ts';
import type { Issuers } from '../runtime/vault/issuers.ts';
import { parseGuestPath } from '../runtime/workspace/guest-path.ts';
import { tooLarge } from './body.ts';
import { anyJson, limits, metadata, slug } from './fields.ts';
import { z } from './http.ts';
import { drivers, languages } from './run-record.ts';

const wellFormed = z.string().refine((text) => text.isWellFormed(), 'must be well-formed Unicode');

export const runBody = z
  .strictObject({
    agent: slug.default('default'),
    language: z.enum(languages),
    code: wellFormed,
    input: anyJson.optional(),
    files: z
      .array(
        z.strictObject({ path: z.string(), content: wellFormed, encoding: z.enum(['utf8', 'base64']).default('utf8') }),
      )
      .max(1000, 'must have at most 1000 entries')
      .default([]),
    limits: limits.some.default({}),
    driver: z.enum(drivers).optional(),
    image: z.string().min(1).max(255).optional(),
    metadata: metadata.default({}),
    onBehalfOf: z
      .string()
      .min(1)
      .max(16_384)
      .optional()
      .openapi({ description: 'JWT of a registered issuer: the user in whose name grants for users act' }),
  })
  .openapi('RunRequest');

export type RunBody = z.infer<typeof runBody>;

interface Parts {
  config: Pick<Config, 'codeBytes' | 'inputBytes' | 'requestFilesBytes'>;
  images: readonly string[];
  agents: Pick<Agents, 'get'>;
  issuers: Pick<Issuers, 'verify'>;
  drivers(): DriverReport[];
}

/**
 * Errors: `too_large` and `validation_failed` with the field, `not_found` for an unknown agent, `driver_unavailable`
 * when nothing here runs the language.
 */
export async function readRunRequest(parts: Parts, tenant: string, body: RunBody): Promise<RunRequest> {
  const { agent, language, code, input, metadata } = body;
  const codeBytes = Buffer.byteLength(code);
  if (codeBytes > parts.config.codeBytes) throw tooLarge('code', codeBytes, parts.config.codeBytes);
  checkInput(input, parts.config.inputBytes);
  const files = readFiles(body.files, parts.config.requestFilesBytes);
  const owner = await parts.agents.get({ tenant, agent });
  const driver = chooseDriver(body, owner);
  const reports = parts.drivers();
  const image = driver === 'container' ? chooseImage(parts.images, reports, body, owner) : undefined;
  // An image that was chosen has the language.
  requireDriver(reports, driver, image === undefined ? language : undefined);
  return {
    tenant,
    agent,
    language,
    driver,
    ...(image !== undefined && { image }),
    code,
    input,
    files,
    limits: runLimits(owner.limits, body.limits as Partial<Limits>),
    metadata,
    ...(body.onBehalfOf === undefined ? {} : { onBehalfOf: await parts.issuers.verify(tenant, body.onBehalfOf) }),
  };
}

function checkInput(input: Json | undefined, limit: number) {
  if (input === undefined) return;
  const bytes = Buffer.byteLength(JSON.stringify(input));
  if (bytes > limit) throw tooLarge('input', bytes, limit);
}

function readFiles(files: RunBody['files'], limit: number): RequestFile[] {
  const paths = new Set<string>();
  let bytes = 0;
  return files.map(({ path, content, encoding }, index) => {
    const field = `files.${index}`;
    const place = checkedPath(path, `${field}.path`);
    if (paths.has(place)) throw fieldError(`${field}.path`, 'is given twice');
    paths.add(place);
    const decoded = Buffer.from(content, encoding);
    if (encoding === 'base64' && !isBase64Of(content, decoded.length))
      throw fieldError(`${field}.content`, 'is not valid base64');
    bytes += decoded.length;
    if (bytes > limit) throw tooLarge('files', undefined, limit);
    return { path, content: decoded };
  });
}

/**
 * Buffer.from() leaves out what is no base64, and takes the letters of base64url: `bytes` tells whether it left something out.
 * Not by one pattern of groups of four: V8's regular expressions overflow the stack on some megabytes.
 */
function isBase64Of(text: string, bytes: number): boolean {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  return text.length % 4 === 0 && bytes === (text.length / 4) * 3 - padding && !/[^A-Za-z0-9+/=]/.test(text);
}

/** The place that a path means. Whether it can be written there shows when the run starts. */
function checkedPath(path: string, field: string): string {
  let place: ReturnType<typeof parseGuestPath>;
  try {
    place = parseGuestPath(path, 'open');
  } catch (error) {
    throw fieldError(field, (error as Error).message);
  }
  if (place.parts.length === 0 || place.directory) throw fieldError(field, 'must name a file');
  return place.text;
}

function chooseDriver({ driver, language, image }: RunBody, agent: AgentSandbox): DriverKind {
  const only = language === 'shell' || image !== undefined ? 'container' : undefined;
  const chosen = driver ?? only ?? agent.driver ?? 'isolate';
  if (image !== undefined && chosen !== 'container') throw fieldError('image', 'is only for the container driver');
  if (language === 'shell' && chosen !== 'container')
    throw fieldError('driver', 'must be container: shell runs there only');
  return chosen;
}

/** What the run names, else what its agent does, if that has the language; undefined: the usual one. */
function chooseImage(
  allowed: readonly string[],
  reports: DriverReport[],
  { image, language }: RunBody,
  agent: AgentSandbox,
): string | undefined {
  const images = reports.find(({ driver }) => driver === 'container')?.images ?? [];
  const runs = (name: string) => images.some((one) => one.name === name && one.languages.includes(language));
  if (image === undefined) return agent.image !== undefined && runs(agent.image) ? agent.image : undefined;
  const name = checkImage(image, allowed);
  if (runs(name)) return name;
  const here = images.filter((one) => one.languages.includes(language)).map((one) => one.name);
  if (images.some((one) => one.name === name))
    throw fieldError('image', `has no ${language}; those that have: ${here.join(', ')}`);
  throw new CordonError(
    'driver_unavailable',
    `The image ${name} is not there. GET /v1/drivers says why to an operator.`,
    {
      retryAfterSeconds: 60,
    },
  );
}

function requireDriver(reports: DriverReport[], kind: DriverKind, language: Language | undefined) {
  const report = reports.find(({ driver }) => driver === kind);
  const runs = language === undefined || report?.languages.some((served) => served.language === language);
  if (report?.available && runs) return;
  const served = reports
    .filter(({ available }) => available)
    .flatMap(({ driver, languages }) => languages.map((entry) => `${entry.language} (${driver})`));
  const why = report !== undefined && !report.available && report.reason !== undefined ? ` ${report.reason}` : '';
  const here = served.length === 0 ? 'No language runs here now' : `What runs here: ${served.join(', ')}`;
  const detail = `No ${kind} driver of this service runs ${language ?? 'that'}.${why} ${here}. GET /v1/drivers says more to an operator.`;
  throw new CordonError('driver_unavailable', detail, { retryAfterSeconds: 60 });
}
