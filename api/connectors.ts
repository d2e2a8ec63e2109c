import { effects } from '../runtime/connector/connector.ts';
import { notFound } from '../runtime/errors.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { created, json, noContent } from './answer.ts';
import { anyJson, displayName, page, pageQuery, slug, timestamp } from './fields.ts';
import { z } from './http.ts';
import { createNamed, createOnce, idempotencyHeaders } from './idempotency.ts';
import type { AddRoute, Call } from './route.ts';

/** A document of 8 MiB, as a string in JSON. */
const BODY_BYTES = 16 * 1024 * 1024;

const httpsUrl = z.string().max(2000);
const oauth = { tokenUrl: httpsUrl, scope: z.string().optional() };
const clientAuth = z.enum(['basic', 'body']).optional();
const auth = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('none') }),
    z.strictObject({ type: z.literal('bearer') }),
    z.strictObject({ type: z.literal('header'), name: z.string(), prefix: z.string().optional() }),
    z.strictObject({ type: z.literal('query'), name: z.string() }),
    z.strictObject({ type: z.literal('basic') }),
    z.strictObject({ type: z.literal('oauth2_refresh'), ...oauth, clientAuth }),
    z.strictObject({
      type: z.literal('oauth2_client_credentials'),
      ...oauth,
      audience: z.string().optional(),
      clientAuth,
    }),
    z.strictObject({
      type: z.literal('jwt_assertion'),
      ...oauth,
      audience: z.string().optional(),
      algorithm: z.enum(['RS256', 'ES256']),
    }),
    z.strictObject({ type: z.literal('aws_sigv4'), region: z.string(), service: z.string() }),
  ])
  .openapi('AuthScheme', { description: 'How the service authenticates; the secret itself is a credential' });

const parameter = z.strictObject({
  name: z.string(),
  in: z.enum(['path', 'query', 'header', 'body']),
  required: z.boolean().optional(),
  aliases: z.array(z.string()).optional().openapi({ description: 'Other names by which the service reads the same' }),
});

const operationFields = {
  name: z.string().openapi({ description: 'Unique in its connector; grants name it' }),
  method: z.string(),
  otherMethods: z.array(z.string()).optional(),
  path: z.string().openapi({
    description:
      '`{x}` stands for one segment or a part of one, `{x+}` at the end for the rest; `?name` at the end must be in the query',
  }),
  effect: z.enum(effects),
  danger: z.string().optional(),
  strictQuery: z.literal(true).optional().openapi({ description: 'Query parameters that are not listed are refused' }),
  refuseHeaders: z.array(z.string()).optional(),
  rawBody: z.literal(true).optional().openapi({ description: 'The body is content, not parameters' }),
};
const operationInput = z
  .strictObject({
    ...operationFields,
    parameters: z.array(parameter).optional(),
    hosts: z.array(z.string()).optional(),
  })
  .openapi('OperationInput');
const operation = z
  .object({
    ...operationFields,
    parameters: z.array(parameter),
    origins: z.array(z.string()).optional(),
    rpc: z.object({ method: z.string(), tool: z.string().optional() }).optional(),
  })
  .openapi('Operation');

const connectTo = z
  .strictObject({ address: z.string(), port: z.number().int(), caFile: z.string().optional() })
  .openapi('ConnectTo', { description: 'Where an internal service is reached; shown to operators only' });

const summaryFields = {
  id: slug,
  tenant: slug,
  name: z.string(),
  origins: z.array(z.string()),
  auth,
  foreignCredentialFields: z.array(z.string()).optional(),
  connectTo: connectTo.optional(),
  source: z.object({
    kind: z.enum(['openapi', 'mcp', 'operations', 'catalog']),
    title: z.string().optional(),
    version: z.string().optional(),
    sha256: z.string().optional().openapi({ description: 'Of the document' }),
    leftOut: z.array(z.string()).optional().openapi({ description: 'What of the document cannot be used, and why' }),
  }),
  createdAt: timestamp,
  updatedAt: timestamp,
};
const summary = z.object({ ...summaryFields, operationCount: z.number().int() }).openapi('ConnectorSummary');
const connector = z.object({ ...summaryFields, operations: z.array(operation) }).openapi('Connector');

const inputFields = {
  name: displayName.optional(),
  auth: auth.optional().openapi({ description: 'May be absent where the source says it' }),
  hosts: z
    .array(z.string())
    .optional()
    .openapi({ description: '`slack.com`, `api.example.com:8443`: its only hosts, instead of those of the source' }),
  basePath: z.string().optional().openapi({ description: 'Goes before every path; of a document instead of its own' }),
  effects: z
    .record(z.string(), z.enum(effects))
    .optional()
    .openapi({ description: 'By name of operation, where the source has it wrong' }),
  foreignCredentialFields: z
    .array(z.string())
    .optional()
    .openapi({ description: 'Query and body fields in which the service would take another credential: refused' }),
  connectTo: connectTo.optional().openapi({ description: 'Needs a key of an operator' }),
  document: anyJson
    .optional()
    .openapi({ description: 'OpenAPI 3.0, 3.1 or Swagger 2.0: an object, or text in JSON or YAML; at most 8 MiB' }),
  url: httpsUrl.optional().openapi({ description: 'Where such a document is, at a public https address' }),
  operations: z.array(operationInput).optional(),
  catalog: z.string().optional().openapi({ description: 'Name of an entry of `GET /v1/catalog`' }),
  mcp: z
    .strictObject({ url: httpsUrl, token: z.string().optional(), tools: z.array(anyJson).optional() })
    .optional()
    .openapi({
      description:
        'An MCP server (streamable HTTP): its tools are the operations. `token` reads their list once and is not kept; `tools` (of tools/list) takes its place',
    }),
};
const connectorInput = z.strictObject({ id: slug, ...inputFields }).openapi('ConnectorInput');
const connectorReplacement = z.strictObject(inputFields).openapi('ConnectorReplacement');

const catalogEntry = z
  .object({
    name: slug,
    title: z.string(),
    documentation: z.string(),
    hosts: z.array(z.string()).optional(),
    needsHosts: z.literal(true).optional(),
    hostsHelp: z.string().optional(),
    auth: auth.optional(),
    authHelp: z.string().optional(),
    foreignCredentialFields: z.array(z.string()).optional(),
    operations: z.array(operationInput),
  })
  .openapi('CatalogEntry');
const catalogSummary = catalogEntry
  .omit({ operations: true })
  .extend({ operationCount: z.number().int() })
  .openapi('CatalogSummary');

const isOperator = ({ principal }: Pick<Call, 'principal'>) => principal.role === 'operator';
const changedBy = (call: Pick<Call, 'principal'>) => ({ key: call.principal.keyId, isOperator: isOperator(call) });

/** Addresses and files of the operator's network are not a tenant's to see. */
function shown<T extends { connectTo?: unknown }>(one: T, call: Pick<Call, 'principal'>): T | Omit<T, 'connectTo'> {
  if (isOperator(call)) return one;
  const { connectTo: _, ...rest } = one;
  return rest;
}

export function addConnectorRoutes(add: AddRoute, runtime: Runtime): void {
  const { connectors, catalog, tenants, idempotency } = runtime;

  add(
    {
      name: 'POST /v1/connectors',
      tag: 'connectors',
      summary: 'Make a connector: a service and its operations',
      description:
        'From exactly one of `document`, `url`, `operations`, `catalog`, `mcp`. It allows nothing by itself: grants do.',
      headers: idempotencyHeaders,
      body: { schema: connectorInput, limitBytes: BODY_BYTES },
      responses: { 201: { description: 'Made', schema: connector } },
    },
    (call) => {
      const { tenant, body } = call;
      const make = (interruptedAtMs: number | undefined) =>
        createNamed(
          interruptedAtMs,
          () => connectors.create(tenant, body, changedBy(call)),
          () => connectors.get(tenant, body.id),
        );
      return createOnce(idempotency, call, 'POST /v1/connectors', make, (made) =>
        created(shown(made, call), `/v1/connectors/${made.id}`),
      );
    },
  );

  add(
    {
      name: 'GET /v1/connectors',
      tag: 'connectors',
      summary: 'List connectors, newest first, without their operations',
      query: z.strictObject(pageQuery),
      responses: { 200: { description: 'A page of connectors', schema: page(summary) } },
    },
    async (call) => {
      const { items, ...rest } = await connectors.list(call.tenant, call.query);
      return json({ items: items.map((one) => shown(one, call)), ...rest });
    },
  );

  add(
    {
      name: 'GET /v1/connectors/{id}',
      tag: 'connectors',
      summary: 'One connector with its operations',
      responses: { 200: { description: 'The connector', schema: connector } },
    },
    async (call) => json(shown(await connectors.get(call.tenant, call.params.id), call)),
  );

  add(
    {
      name: 'PUT /v1/connectors/{id}',
      tag: 'connectors',
      summary: 'Replace a connector, but for its id and where an operator said that it is reached',
      description: 'A secret that was set before is not sent to hosts that are new: it must be set again.',
      body: { schema: connectorReplacement, limitBytes: BODY_BYTES },
      responses: { 200: { description: 'As it is now', schema: connector } },
    },
    async (call) =>
      json(shown(await connectors.replace(call.tenant, call.params.id, call.body, changedBy(call)), call)),
  );

  add(
    {
      name: 'DELETE /v1/connectors/{id}',
      tag: 'connectors',
      summary: 'Remove a connector: what was granted of it allows nothing any more',
      responses: { 204: { description: 'It is gone' } },
    },
    async (call) => {
      await connectors.delete(call.tenant, call.params.id, changedBy(call));
      return noContent();
    },
  );

  add(
    {
      name: 'PUT /v1/tenants/{id}/connectors/{connector}/connect-to',
      tag: 'connectors',
      summary: 'Say where the internal service of a connector is reached',
      description:
        'Name, path and certificate are judged as for the real host; only the connection goes to this address.',
      body: { schema: connectTo, limitBytes: 64 * 1024 },
      responses: { 200: { description: 'As it is now', schema: connector } },
    },
    async (call) => {
      const tenant = await knownTenant(call.params.id);
      return json(await connectors.setConnectTo(tenant, call.params.connector, call.body, changedBy(call)));
    },
  );

  add(
    {
      name: 'DELETE /v1/tenants/{id}/connectors/{connector}/connect-to',
      tag: 'connectors',
      summary: 'Reach the service of a connector by its public address again',
      responses: { 204: { description: 'It is gone' } },
    },
    async (call) => {
      const tenant = await knownTenant(call.params.id);
      await connectors.setConnectTo(tenant, call.params.connector, undefined, changedBy(call));
      return noContent();
    },
  );

  add(
    {
      name: 'GET /v1/catalog',
      tag: 'connectors',
      summary: 'Services that connectors can be made of by name',
      responses: { 200: { description: 'All of them', schema: z.object({ items: z.array(catalogSummary) }) } },
    },
    () => {
      const items = catalog.names().flatMap((name) => {
        const entry = catalog.entry(name);
        if (!entry) return [];
        const { operations, ...rest } = entry;
        return [{ ...rest, operationCount: operations.length }];
      });
      return json({ items });
    },
  );

  add(
    {
      name: 'GET /v1/catalog/{name}',
      tag: 'connectors',
      summary: 'One service of the catalog with its operations',
      responses: { 200: { description: 'The entry', schema: catalogEntry } },
    },
    ({ params }) => {
      const entry = catalog.entry(params.name);
      if (!entry) throw notFound('the catalog entry');
      return json(entry);
    },
  );

  async function knownTenant(id: string): Promise<string> {
    if (!slug.safeParse(id).success) throw notFound('the tenant');
    return (await tenants.get(id)).id;
  }
}
