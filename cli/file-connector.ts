/** A connector of a policy file: as POST takes it, as GET shows it, or with its document in a file beside. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { checkName, checkObject, checkSlug } from '../runtime/agent/checks.ts';
import { readCatalog } from '../runtime/connector/catalog.ts';
import { readConnector } from '../runtime/connector/check-connector.ts';
import { type Connector, effects, type Operation, secretFields } from '../runtime/connector/connector.ts';
import type { ConnectorInput } from '../runtime/connector/connector-input.ts';
import { fieldError } from '../runtime/errors.ts';

/** `folder`: where a path in `file` begins. Errors: CordonError `validation_failed`, those of the file system. */
export async function readFileConnector(value: unknown, folder: string): Promise<Connector> {
  const given = checkObject(value, 'connector');
  if (given.origins !== undefined) return shownConnector(given);
  const { file, ...input } = given;
  if (file !== undefined) {
    if (typeof file !== 'string') throw fieldError('file', 'must be the path of an OpenAPI document');
    input.document = await readFile(resolve(folder, file), 'utf8');
  }
  if (input.url !== undefined)
    throw fieldError('url', 'is not fetched here: give its document as `document`, or beside this file as `file`');
  const definition = await readConnector(input as unknown as ConnectorInput, { catalog: readCatalog() });
  return stored(definition);
}

/** One that a service checked already: what the audit looks at is read, the rest is left. */
function shownConnector({ id, name, auth, operations }: Record<string, unknown>): Connector {
  const { type } = checkObject(auth, 'auth');
  if (typeof type !== 'string' || !Object.hasOwn(secretFields, type)) throw fieldError('auth.type', 'is not known');
  if (!Array.isArray(operations)) throw fieldError('operations', 'must be a list');
  return stored({
    id: checkSlug(id, 'id'),
    name: checkName(name ?? id),
    origins: [],
    auth: auth as Connector['auth'],
    operations: operations.map((one, index) => shownOperation(one, `operations.${index}`)),
    source: { kind: 'operations' },
  });
}

function shownOperation(value: unknown, field: string): Operation {
  const operation = checkObject(value, field);
  checkName(operation.name, `${field}.name`);
  if (!effects.some((effect) => effect === operation.effect))
    throw fieldError(`${field}.effect`, `must be one of ${effects.join(', ')}`);
  const { parameters = [] } = operation;
  if (!Array.isArray(parameters) || !parameters.every((one) => typeof one?.name === 'string'))
    throw fieldError(`${field}.parameters`, 'must be a list of parameters');
  return { ...operation, parameters } as unknown as Operation;
}

const stored = (definition: Omit<Connector, 'tenant' | 'createdAt' | 'updatedAt'>): Connector => {
  const never = new Date(0).toISOString();
  return { ...definition, tenant: 'file', createdAt: never, updatedAt: never };
};
