/** What a caller sends to make a connector. */
import type { ChangedBy } from '../audit/audit.ts';
import type { ConnectTo, Operation, OperationMatch } from './connector.ts';

/** Unchecked. Exactly one of `document`, `url`, `operations`, `catalog`, `mcp`. */
export interface ConnectorInput {
  id: unknown;
  name?: unknown;
  /** May be absent where the document or the catalog entry says it. */
  auth?: unknown;
  /** `slack.com`, `api.example.com:8443`: the only hosts of this connector, instead of those of its source. */
  hosts?: unknown;
  /** Literal prefix of every path: of `catalog` and `operations` added, of a document instead of that of its servers. */
  basePath?: unknown;
  /** Query parameters and top-level body fields in which the service would take another credential. */
  foreignCredentialFields?: unknown;
  /** Effects by name of operation, where the source has them wrong. */
  effects?: unknown;
  /** An operator's to give. */
  connectTo?: unknown;
  /** OpenAPI 3.0, 3.1 or Swagger 2: the object, or its text as JSON or YAML. */
  document?: unknown;
  /** https address of such a document. */
  url?: unknown;
  /** `OperationInput[]`. */
  operations?: unknown;
  /** Name of a catalog entry. */
  catalog?: unknown;
  /** `{url}` of an MCP server (streamable HTTP). */
  mcp?: unknown;
}

/** Only operators say where connectors connect to. */
export interface ConnectorChangedBy extends ChangedBy {
  isOperator: boolean;
}

/** What an MCP server offers, as operations with `rpc`. */
export interface McpTools {
  title?: string;
  version?: string;
  /** `https://mcp.example.com` */
  origin: string;
  operations: Operation[];
}

/** The client side of MCP, passed in. */
export interface McpSupport {
  /** Reads `input.mcp`. Errors: CordonError `validation_failed` with a field `mcp...`. */
  readTools(tenant: string, mcp: unknown, connectTo?: ConnectTo): Promise<McpTools>;
  /** Which of these operations a JSON-RPC body calls: `CompiledConnector.matchBody`. */
  compile(
    operations: readonly Operation[],
  ): (body: Uint8Array, headers?: readonly (readonly [string, string])[]) => OperationMatch;
}
