/** The services that Cordon knows, from the files in `catalog/`. Read once at the start: a wrong file is an error of the build. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkName, checkObject, checkSlug } from '../agent/checks.ts';
import { fieldError } from '../errors.ts';
import type { Catalog, CatalogEntry, OperationInput } from './catalog-entry.ts';
import { checkAuth, checkHttpsUrl } from './check-auth.ts';
import { checkHosts } from './check-hosts.ts';
import { checkOperations, checkTexts } from './check-operations.ts';

const folder = join(import.meta.dirname, 'catalog');
const known = new Set<string>([
  'name',
  'title',
  'documentation',
  'hosts',
  'needsHosts',
  'hostsHelp',
  'auth',
  'authHelp',
  'foreignCredentialFields',
  'operations',
] satisfies (keyof CatalogEntry)[]);

/** Throws an Error that names the file and the field when one of them is not a catalog entry. */
export function readCatalog(directory: string = folder): Catalog {
  const files = readdirSync(directory).filter((file) => file.endsWith('.json'));
  const entries = new Map(
    files.map((file) => {
      const name = file.slice(0, -'.json'.length);
      return [name, deepFrozen(readEntry(join(directory, file), name))];
    }),
  );
  const names = Object.freeze([...entries.keys()].sort());
  return { entry: (name) => entries.get(name), names: () => names };
}

function readEntry(path: string, name: string): CatalogEntry {
  try {
    return checkCatalogEntry(JSON.parse(readFileSync(path, 'utf8')), name);
  } catch (error) {
    throw new Error(`Catalog file ${name}.json: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

/** Errors: CordonError `validation_failed` with the field. */
export function checkCatalogEntry(value: unknown, expectedName: string): CatalogEntry {
  const entry = checkObject(value, 'entry');
  for (const key of Object.keys(entry)) if (!known.has(key)) throw fieldError(key.slice(0, 100), 'is not known');
  if (checkSlug(entry.name, 'name') !== expectedName) throw fieldError('name', `must be ${expectedName}`);
  checkName(entry.title, 'title');
  checkHttpsUrl(entry.documentation, 'documentation');
  checkWhere(entry);
  if ((entry.auth === undefined) === (entry.authHelp === undefined))
    throw fieldError('auth', 'is needed, or authHelp, and not both');
  if (entry.auth !== undefined) checkAuth(entry.auth);
  if (entry.authHelp !== undefined) checkHelp(entry.authHelp, 'authHelp');
  if (entry.foreignCredentialFields !== undefined)
    checkTexts(entry.foreignCredentialFields, 'foreignCredentialFields', 20);
  checkOperations(entry.operations);
  checkOperationHosts(entry);
  return entry as unknown as CatalogEntry;
}

function checkWhere({ hosts, needsHosts, hostsHelp }: Record<string, unknown>): void {
  if (needsHosts === undefined) {
    checkHosts(hosts);
    if (hostsHelp !== undefined) throw fieldError('hostsHelp', 'goes with needsHosts');
    return;
  }
  if (needsHosts !== true) throw fieldError('needsHosts', 'must be true or absent');
  if (hosts !== undefined) throw fieldError('hosts', 'must be absent where a connector has to name its own');
  checkHelp(hostsHelp, 'hostsHelp');
}

function checkHelp(value: unknown, field: string): void {
  if (typeof value !== 'string' || value.length < 1 || value.length > 500)
    throw fieldError(field, 'must be text of 1 to 500 characters');
}

function checkOperationHosts(entry: Record<string, unknown>): void {
  const hosts = (entry.hosts ?? []) as string[];
  for (const [index, operation] of (entry.operations as OperationInput[]).entries())
    for (const host of operation.hosts ?? [])
      if (!hosts.includes(host))
        throw fieldError(`operations.${index}.hosts`, `${host} is not among the entry's hosts`);
}

function deepFrozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) deepFrozen(inner);
  return Object.freeze(value);
}
