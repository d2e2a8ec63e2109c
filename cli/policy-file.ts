/** A policy in a file: `{agent, connectors, grants, credentials?, waivers?}`, each as the API takes or shows it. */
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { text } from 'node:stream/consumers';
import { checkName, checkObject, checkSlug } from '../runtime/agent/checks.ts';
import type { Connector } from '../runtime/connector/connector.ts';
import { DocumentFault, readDocument } from '../runtime/connector/openapi/read-document.ts';
import { CordonError, fieldError } from '../runtime/errors.ts';
import type { Grant } from '../runtime/permission/grant.ts';
import { checkGrantTerms } from '../runtime/permission/grant-input.ts';
import { checks } from '../runtime/permission/preflight/checks.ts';
import type { Finding, PolicyFacts, PreflightSettings } from '../runtime/permission/preflight/finding.ts';
import { judgedGrant } from '../runtime/permission/preflight/judge.ts';
import { applyWaivers, coverOf } from '../runtime/permission/waivers.ts';
import type { Credential } from '../runtime/vault/credential.ts';
import { readFileConnector } from './file-connector.ts';

/** The file cannot be judged. `message` is for people: it names the place in the file. */
export class BadPolicyFile extends Error {}

export interface FileWaiver {
  check: string;
  /** As findings name it: its id, or `grants.0`. */
  grant?: string;
  reason: string;
}

interface Circumstances {
  nowMs: number;
  settings: PreflightSettings;
}

/** Path of the file, or `-` for standard input. Errors: BadPolicyFile. */
export async function readPolicyFile(
  file: string,
  circumstances: Circumstances,
): Promise<{ facts: PolicyFacts; waivers: FileWaiver[] }> {
  try {
    const content = file === '-' ? await text(process.stdin) : await readFile(file);
    const folder = file === '-' ? process.cwd() : dirname(file);
    return await checkPolicyFile(readDocument(content), folder, circumstances);
  } catch (error) {
    if (error instanceof CordonError) throw new BadPolicyFile(`${file}: ${error.message}`, { cause: error });
    if (error instanceof DocumentFault) throw new BadPolicyFile(`${file} ${error.message}`, { cause: error });
    if (error instanceof Error && 'syscall' in error) throw new BadPolicyFile(error.message, { cause: error });
    throw error;
  }
}

/** Marks what the file's own waivers accept. */
export const waivedIn = (findings: readonly Finding[], waivers: readonly FileWaiver[]): Finding[] =>
  applyWaivers(
    findings,
    waivers.map(({ check, grant, reason }) => {
      const accepted = findings.filter((one) => one.check === check && (grant === undefined || one.grant === grant));
      return { id: reason, check, covers: accepted.map(coverOf) };
    }),
  );

async function checkPolicyFile(content: unknown, folder: string, { nowMs, settings }: Circumstances) {
  const { agent, connectors, grants, credentials, waivers = [], ...rest } = checkObject(content, 'file');
  const [odd] = Object.keys(rest);
  if (odd !== undefined) throw fieldError(odd, 'is not known');
  const owner = checkSlug(agent, 'agent');
  const known = new Map<string, Connector>();
  for (const [index, one] of list(connectors, 'connectors').entries()) {
    const connector = await at(`connectors.${index}`, () => readFileConnector(one, folder));
    if (known.has(connector.id)) throw fieldError(`connectors.${index}.id`, `${connector.id} is there twice`);
    known.set(connector.id, connector);
  }
  const checked: Grant[] = [];
  for (const [index, one] of list(grants, 'grants').entries())
    checked.push(await at(`grants.${index}`, () => readGrant(one, owner, `grants.${index}`)));
  const held: Credential[] = [];
  for (const [index, one] of list(credentials ?? [], 'credentials').entries())
    held.push(await at(`credentials.${index}`, () => readCredential(one, owner, `credentials.${index}`)));
  const facts: PolicyFacts = {
    agent: owner,
    status: 'draft',
    grants: checked.map((grant) => judgedGrant(grant, known.get(grant.connector), 0)),
    credentials: credentials === undefined ? undefined : held,
    use: () => undefined,
    nowMs,
    settings,
  };
  return { facts, waivers: list(waivers, 'waivers').map((one, index) => readWaiver(one, `waivers.${index}`, checked)) };
}

/** As POST takes it, or as GET shows it. Whether its operations exist is a finding, not a mistake of the file. */
function readGrant(value: unknown, agent: string, name: string): Grant {
  const { id, agent: _, status, replaces, createdAt, ...input } = checkObject(value, 'grant');
  return {
    ...checkGrantTerms(input, 0),
    id: id === undefined ? name : checkName(id, 'id'),
    agent,
    status: 'pending',
    createdAt: new Date(0).toISOString(),
  };
}

/** As GET shows it; only whose it is and when its secret was set matter. */
function readCredential(value: unknown, owner: string, name: string): Credential {
  const { id, connector, agent, user, holder, rotatedAt, secret } = checkObject(value, 'credential');
  if (secret !== undefined) throw fieldError('secret', 'has no place in such a file');
  if (typeof rotatedAt !== 'string' || Number.isNaN(Date.parse(rotatedAt)))
    throw fieldError('rotatedAt', 'must be the time when the secret was set, in ISO 8601');
  const held = holder === undefined ? { agent, user } : checkObject(holder, 'holder');
  const at = new Date(Date.parse(rotatedAt)).toISOString();
  return {
    id: id === undefined ? name : checkName(id, 'id'),
    tenant: 'file',
    connector: checkSlug(connector, 'connector'),
    holder:
      held.user === undefined
        ? { agent: held.agent === undefined ? owner : checkSlug(held.agent, 'agent') }
        : { user: { issuer: '', subject: '' } },
    source: { kind: 'embedded' },
    version: 1,
    createdAt: at,
    rotatedAt: at,
    isOld: false,
  };
}

function readWaiver(value: unknown, field: string, grants: readonly Grant[]): FileWaiver {
  const { check, grant, reason, ...rest } = checkObject(value, field);
  const [odd] = Object.keys(rest);
  if (odd !== undefined) throw fieldError(`${field}.${odd}`, 'is not known');
  if (!checks.some(({ name }) => name === check))
    throw fieldError(`${field}.check`, `must be one of ${checks.map(({ name }) => name).join(', ')}`);
  if (grant !== undefined && !grants.some(({ id }) => id === grant))
    throw fieldError(`${field}.grant`, 'is no grant of this file');
  return {
    check: check as string,
    ...(grant === undefined ? {} : { grant: grant as string }),
    reason: checkName(reason, `${field}.reason`),
  };
}

function list(value: unknown, field: string): unknown[] {
  if (!Array.isArray(value)) throw fieldError(field, 'must be a list');
  return value;
}

/** What is wrong inside of it is told with its place in the file. */
async function at<T>(place: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof CordonError)) throw error;
    throw new CordonError(error.code, `${place}: ${error.message}`, { cause: error });
  }
}
