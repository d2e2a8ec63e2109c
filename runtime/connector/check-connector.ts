/** Turns what a caller sends into a connector, without storing anything. */
import { checkName, checkObject, checkSlug } from '../agent/checks.ts';
import { CordonError, fieldError } from '../errors.ts';
import type { Catalog, CatalogEntry } from './catalog-entry.ts';
import { checkAuth, checkHttpsUrl } from './check-auth.ts';
import { checkConnectTo, checkHosts, originOf } from './check-hosts.ts';
import { checkOperations, checkSize, checkTexts } from './check-operations.ts';
import { type AuthScheme, type Connector, type ConnectTo, type Effect, effects, type Operation } from './connector.ts';
import type { ConnectorInput, McpSupport } from './connector-input.ts';
import { readOutline } from './openapi/read-outline.ts';
import { isBasePath } from './openapi/servers.ts';

export type ConnectorDefinition = Omit<Connector, 'tenant' | 'createdAt' | 'updatedAt'>;

export interface ConnectorSources {
  catalog?: Catalog;
  /** For `url`: gets a document from a public https address, at most 8 MiB. */
  fetchDocument?(tenant: string, url: string): Promise<Uint8Array>;
  /** In its turn, where others read documents, too. */
  readOutline?: typeof readOutline;
  mcp?: McpSupport;
  /** For `url` and `mcp`: whose connections it asks with. */
  tenant?: string;
  /** For `mcp`: where these origins are reached already, since an operator said so. */
  reached?: { origins: readonly string[]; connectTo: ConnectTo };
}

const sourceFields = ['document', 'url', 'operations', 'catalog', 'mcp'] as const;
const inputFields = new Set<string>([
  ...['id', 'name', 'auth', 'hosts', 'effects', 'connectTo', 'basePath', 'foreignCredentialFields'],
  ...sourceFields,
]);
const MAXIMUM_FOREIGN_FIELDS = 20;

/** What a source gives before the caller's own words are applied. */
interface Draft {
  source: Connector['source'];
  /** Of the source; empty: the caller must say them. */
  origins: string[];
  hostsHelp: string;
  auth?: AuthScheme;
  authHelp: string;
  operations: Operation[];
  foreignCredentialFields?: string[];
}

/** Errors: CordonError `validation_failed` with the field, `too_large`; those of `fetchDocument`. */
export async function readConnector(input: ConnectorInput, sources: ConnectorSources): Promise<ConnectorDefinition> {
  for (const key of Object.keys(input)) if (!inputFields.has(key)) throw fieldError(key.slice(0, 100), 'is not known');
  // Cheap checks first: a document may have to be fetched.
  const id = checkSlug(input.id, 'id');
  const name = input.name === undefined ? undefined : checkName(input.name);
  const ownAuth = input.auth === undefined ? undefined : checkAuth(input.auth);
  const ownOrigins = input.hosts === undefined ? undefined : checkHosts(input.hosts);
  const basePath = input.basePath === undefined ? undefined : checkBasePath(input.basePath);
  const connectTo = input.connectTo === undefined ? undefined : checkConnectTo(input.connectTo);
  const foreignFields =
    input.foreignCredentialFields === undefined
      ? undefined
      : checkTexts(input.foreignCredentialFields, 'foreignCredentialFields', MAXIMUM_FOREIGN_FIELDS);
  const draft = await readSource(input, { basePath, connectTo }, sources);

  const origins = ownOrigins ?? draft.origins;
  if (origins.length === 0) throw fieldError('hosts', `is required: ${draft.hostsHelp}`);
  const auth = ownAuth ?? draft.auth;
  if (!auth) throw fieldError('auth', `is required: ${draft.authHelp}`);
  const operations = withEffects(withinOrigins(draft.operations, origins, draft.source.kind), input.effects);
  checkSize(operations, 'operations');
  const foreignCredentialFields = foreignFields ?? draft.foreignCredentialFields ?? [];
  return {
    id,
    name: name ?? draft.source.title ?? id,
    origins,
    auth,
    ...(foreignCredentialFields.length > 0 ? { foreignCredentialFields } : {}),
    operations,
    ...(connectTo ? { connectTo } : {}),
    source: draft.source,
  };
}

async function readSource(
  input: ConnectorInput,
  { basePath, connectTo }: { basePath: string | undefined; connectTo: ConnectTo | undefined },
  sources: ConnectorSources,
): Promise<Draft> {
  const given = sourceFields.filter((field) => input[field] !== undefined);
  const [kind] = given;
  if (kind === undefined || given.length > 1)
    throw fieldError(given[1] ?? 'document', `exactly one of ${sourceFields.join(', ')} must be given`);
  if (kind === 'catalog') return fromCatalog(input.catalog, basePath, sources.catalog);
  if (kind === 'mcp') return fromMcp(input.mcp, connectTo, sources);
  if (kind === 'operations')
    return {
      source: { kind: 'operations' },
      origins: [],
      hostsHelp: 'say which hosts these operations are of',
      authHelp: 'say how the service authenticates; {"type": "none"} for one that does not',
      operations: checkOperations(input.operations, basePath),
    };
  if (kind === 'url') return fromUrl(input.url, basePath, sources);
  const { document } = input;
  const text = typeof document === 'string' ? document : JSON.stringify(checkObject(document, 'document'));
  return fromDocument({ text, ...(basePath === undefined ? {} : { basePath }) }, sources);
}

async function fromUrl(url: unknown, basePath: string | undefined, sources: ConnectorSources): Promise<Draft> {
  const { fetchDocument, tenant = '' } = sources;
  checkHttpsUrl(url, 'url');
  if (!fetchDocument) throw fieldError('url', 'documents cannot be fetched here');
  const text = await fetchDocument(tenant, url).catch((cause: unknown) => {
    if (cause instanceof CordonError) throw cause;
    const message = `cannot be fetched: ${cause instanceof Error ? cause.message.slice(0, 300) : 'no answer'}`;
    throw new CordonError('validation_failed', `url: ${message}`, { errors: [{ field: 'url', message }], cause });
  });
  return fromDocument({ text, url, ...(basePath === undefined ? {} : { basePath }) }, sources);
}

async function fromDocument(
  request: Parameters<typeof readOutline>[0],
  { readOutline: read = readOutline }: ConnectorSources,
): Promise<Draft> {
  const { title, version, sha256, origins, auth, operations, leftOut } = await read(request);
  const about = { ...(title ? { title } : {}), ...(version ? { version } : {}), sha256 };
  const choices = 'choices' in auth ? auth.choices : [];
  return {
    source: { kind: 'openapi', ...about, ...(leftOut.length > 0 ? { leftOut } : {}) },
    origins,
    hostsHelp: 'the document names no https server without a variable',
    ...('choices' in auth ? {} : { auth }),
    authHelp: `the document ${choices.length > 0 ? `does not say clearly which of ${choices.join(', ')}` : 'says none'}`,
    operations,
  };
}

function fromCatalog(name: unknown, basePath: string | undefined, catalog: Catalog | undefined): Draft {
  const entry = typeof name === 'string' ? catalog?.entry(name) : undefined;
  if (!entry) throw fieldError('catalog', 'is not in the catalog: GET /v1/catalog lists it');
  return {
    source: { kind: 'catalog', title: entry.title },
    origins: (entry.hosts ?? []).map(originOf),
    hostsHelp: entry.hostsHelp ?? `each customer of ${entry.title} has a host of their own`,
    ...(entry.auth ? { auth: entry.auth } : {}),
    authHelp: entry.authHelp ?? `${entry.documentation} says how ${entry.title} authenticates`,
    operations: catalogOperations(entry, basePath),
    ...(entry.foreignCredentialFields ? { foreignCredentialFields: entry.foreignCredentialFields } : {}),
  };
}

/** Errors: CordonError `validation_failed` for an entry with a mistake in it. */
export const catalogOperations = (entry: CatalogEntry, basePath?: string): Operation[] =>
  checkOperations(entry.operations, basePath);

async function fromMcp(
  input: unknown,
  given: ConnectTo | undefined,
  { mcp, tenant = '', reached }: ConnectorSources,
): Promise<Draft> {
  if (!mcp) throw fieldError('mcp', 'MCP servers cannot be asked here');
  const url = checkObject(input, 'mcp').url;
  const asked = typeof url === 'string' ? URL.parse(url)?.origin : undefined;
  const isReached = asked !== undefined && reached?.origins.includes(asked);
  const connectTo = given ?? (isReached ? reached?.connectTo : undefined);
  const { title, version, origin, operations } = await mcp.readTools(tenant, input, connectTo);
  return {
    source: { kind: 'mcp', ...(title ? { title } : {}), ...(version ? { version } : {}) },
    origins: [origin],
    hostsHelp: '',
    authHelp: 'say how the server authenticates; {"type": "none"} for one that does not',
    operations,
  };
}

/** Operations of some hosts only: those hosts must be the connector's; a document's others are left out. */
function withinOrigins(operations: Operation[], origins: string[], kind: Connector['source']['kind']): Operation[] {
  const kept = operations.flatMap((operation, index): Operation[] => {
    if (!operation.origins) return [operation];
    const within = operation.origins.filter((origin) => origins.includes(origin));
    if (kind === 'operations' && within.length < operation.origins.length)
      throw fieldError(`operations.${index}.hosts`, 'must be among the hosts of the connector');
    return within.length > 0 ? [{ ...operation, origins: within }] : [];
  });
  if (kept.length === 0) throw fieldError('hosts', 'no operation is left with these hosts');
  return kept;
}

function withEffects(operations: Operation[], given: unknown): Operation[] {
  if (given === undefined) return operations;
  const overrides = new Map(Object.entries(checkObject(given, 'effects')));
  for (const [name, effect] of overrides) {
    const field = `effects.${name.slice(0, 200)}`;
    if (!effects.includes(effect as Effect)) throw fieldError(field, `must be one of ${effects.join(', ')}`);
    if (!operations.some((operation) => operation.name === name))
      throw fieldError(field, 'is no operation of this connector');
  }
  return operations.map((operation) => {
    const effect = overrides.get(operation.name) as Effect | undefined;
    return effect ? { ...operation, effect } : operation;
  });
}

function checkBasePath(value: unknown): string {
  const path = typeof value === 'string' ? value.replace(/\/$/, '') : undefined;
  if (path === undefined || (path !== '' && !isBasePath(path)))
    throw fieldError('basePath', 'must be a path such as /api/v1, without parameters');
  return path;
}
