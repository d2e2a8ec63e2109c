/** What a connector needs of an OpenAPI document. Pure: runs in a worker, since documents are large and strangers'. */
import { createHash } from 'node:crypto';
import type { Json } from '../../json.ts';
import { MAXIMUM_OPERATIONS, sameRequests } from '../check-operations.ts';
import type { AuthScheme, Operation } from '../connector.ts';
import { both, readOperations, shortened } from './operations.ts';
import { DocumentFault, readDocument } from './read-document.ts';
import { createLookup, forPeople, isObject, own, ownText } from './resolve.ts';
import { readAuth } from './security.ts';
import { readServers, readSwaggerServer } from './servers.ts';

export interface DocumentRequest {
  text: string | Uint8Array;
  /** Where it came from, for relative servers. */
  url?: string;
  /** Instead of that of its servers. */
  basePath?: string;
}

export interface Outline {
  title?: string;
  version?: string;
  /** Of the text as it was given. */
  sha256: string;
  /** Empty: the caller must say the hosts. */
  origins: string[];
  auth: AuthScheme | { choices: string[] };
  operations: Operation[];
  /** What of it cannot be used, and why. */
  leftOut: string[];
}

/** Errors: DocumentFault. */
export function outlineOf({ text, url, basePath }: DocumentRequest): Outline {
  const document: Json = readDocument(text);
  if (!isObject(document)) throw new DocumentFault('is not an object');
  const isSwagger = ownText(document, 'swagger') === '2.0' || own(document, 'swagger') === 2;
  if (!isSwagger && !/^3\.[01]\./.test(`${ownText(document, 'openapi') ?? ''}.`))
    throw new DocumentFault('is not OpenAPI 3.0, 3.1 or Swagger 2.0: its field openapi or swagger says which');
  const lookup = createLookup(document);
  const swaggerServer = isSwagger ? readSwaggerServer(document, url) : undefined;
  const servers = isSwagger ? (swaggerServer ? [swaggerServer] : []) : readServers(document, url);
  const main = servers.find(({ origin }) => origin !== undefined) ?? servers[0] ?? { basePath: '' };
  const same = servers.filter((server) => server.basePath === main.basePath);
  const origins = [...new Set(same.flatMap(({ origin }) => (origin === undefined ? [] : [origin])))];
  const { operations, leftOut } = readOperations(document, lookup, {
    documentUrl: url,
    main: { basePath: basePath ?? main.basePath, origins },
    isFixed: basePath !== undefined,
  });
  if (operations.length === 0) throw new DocumentFault('has no operation that can be used');
  if (operations.length > MAXIMUM_OPERATIONS)
    throw new DocumentFault(`has ${operations.length} operations, more than the ${MAXIMUM_OPERATIONS} of a connector`);
  const merged = withoutTwins(operations);
  const info = lookup.object(own(document, 'info'));
  const title = forPeople(ownText(info, 'title')?.slice(0, 200));
  const version = forPeople(ownText(info, 'version')?.slice(0, 100));
  return {
    ...(title ? { title } : {}),
    ...(version ? { version } : {}),
    sha256: createHash('sha256').update(text).digest('hex'),
    origins,
    auth: readAuth(document, lookup),
    operations: merged.operations,
    leftOut: shortened([...merged.leftOut, ...leftOut]).map(forPeople),
  };
}

/** Of two operations that mean the same requests (`/contacts/{id}`, `/contacts/{number}`) one is kept, as grave as either. */
function withoutTwins(operations: readonly Operation[]): Pick<Outline, 'operations' | 'leftOut'> {
  const kept = new Map(operations.map((operation) => [operation.name, operation]));
  const leftOut = sameRequests(operations).map(({ index, first }) => {
    const twin = operations[index]!;
    kept.delete(twin.name);
    kept.set(first.name, both(kept.get(first.name) ?? first, twin));
    return `${twin.method} ${twin.path}`
      .slice(0, 200)
      .concat(`: counts as ${first.name}, which means the same requests`);
  });
  return { operations: [...kept.values()], leftOut };
}
