/** Schemas of connectors and of the catalog, as requests give them and answers show them. */
import { effects } from '../runtime/connector/connector.ts';
import { anyJson, displayName, slug, timestamp } from './fields.ts';
import { z } from './http.ts';

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

export const connectTo = z
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
export const summary = z.object({ ...summaryFields, operationCount: z.number().int() }).openapi('ConnectorSummary');
export const connector = z.object({ ...summaryFields, operations: z.array(operation) }).openapi('Connector');

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
export const connectorInput = z.strictObject({ id: slug, ...inputFields }).openapi('ConnectorInput');
export const connectorReplacement = z.strictObject(inputFields).openapi('ConnectorReplacement');

export const catalogEntry = z
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
export const catalogSummary = catalogEntry
  .omit({ operations: true })
  .extend({ operationCount: z.number().int() })
  .openapi('CatalogSummary');
