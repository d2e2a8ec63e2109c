/** The domain of connectors: a connector is data that says what a service can do, and how it authenticates. */

/** What a call does to the service: `send` reaches people and cannot be taken back. */
export const effects = ['read', 'write', 'delete', 'send'] as const;
export type Effect = (typeof effects)[number];

export interface OperationParameter {
  name: string;
  /** `body`: a field of a JSON or form body, with dots for what lies deeper (`fields.channel`). */
  in: 'path' | 'query' | 'header' | 'body';
  required?: boolean;
  /** Other names by which the service reads the same: a constraint on one holds for all. */
  aliases?: string[];
}

/** One thing that a service can do: method and path template, by a name that grants use. */
export interface Operation {
  /** Unique in its connector: `chat.postMessage`, `repos/create`. */
  name: string;
  /** Upper case. */
  method: string;
  /** Methods that the service takes for the same thing. */
  otherMethods?: string[];
  /**
   * From the root of the origin: `/drive/v3/files/{fileId}`. A name in braces stands for one segment or a part of one,
   * `{name+}` for the rest of the path, up to text behind it; a query at the end (`?acl`) is one that the request must have.
   */
  path: string;
  effect: Effect;
  /** What can go wrong with it, for people. */
  danger?: string;
  parameters: OperationParameter[];
  /** Where not all origins of the connector have it. */
  origins?: string[];
  /** A query parameter that is not listed makes it another operation: refused. */
  strictQuery?: true;
  /** Request headers, lower case, that make it another operation: refused by the gate. */
  refuseHeaders?: string[];
  /** Its body is content, never parameters. */
  rawBody?: true;
  /** Of an MCP server: the call is `tools/call` of this tool, in the body. Other methods of the protocol are named by `method`. */
  rpc?: { method: string; tool?: string };
}

export type AuthScheme =
  | { type: 'none' }
  /** `Authorization: Bearer TOKEN`. Secret: {token}. */
  | { type: 'bearer' }
  /** Secret: {value}. */
  | { type: 'header'; name: string; prefix?: string }
  /** Secret: {value}. */
  | { type: 'query'; name: string }
  /** Secret: {username, password}. */
  | { type: 'basic' }
  /** Secret: {clientId, clientSecret?, refreshToken}. RFC 6749, section 6. */
  | { type: 'oauth2_refresh'; tokenUrl: string; scope?: string; clientAuth?: 'basic' | 'body' }
  /** Secret: {clientId, clientSecret}. RFC 6749, section 4.4. */
  | {
      type: 'oauth2_client_credentials';
      tokenUrl: string;
      scope?: string;
      audience?: string;
      clientAuth?: 'basic' | 'body';
    }
  /** Secret: {issuer, privateKey, subject?, keyId?}; RFC 7523, section 2.1. */
  | {
      type: 'jwt_assertion';
      tokenUrl: string;
      algorithm: 'RS256' | 'ES256';
      scope?: string;
      audience?: string;
    }
  /** Secret: {accessKeyId, secretAccessKey, sessionToken?}. */
  | { type: 'aws_sigv4'; region: string; service: string };

/** The fields of the secret of each scheme: true is required. */
export const secretFields = {
  none: {},
  bearer: { token: true },
  header: { value: true },
  query: { value: true },
  basic: { username: true, password: true },
  oauth2_refresh: { clientId: true, clientSecret: false, refreshToken: true },
  oauth2_client_credentials: { clientId: true, clientSecret: true },
  jwt_assertion: { issuer: true, privateKey: true, subject: false, keyId: false },
  aws_sigv4: { accessKeyId: true, secretAccessKey: true, sessionToken: false },
} as const satisfies Record<AuthScheme['type'], Record<string, boolean>>;

/** Where an internal service is reached. An operator's to give, never a tenant's: it goes around the rule of addresses. */
export interface ConnectTo {
  /** An IP address. Name, path and certificate are judged as for the real host. */
  address: string;
  port: number;
  /** File with the certificates (PEM) that are trusted instead of the usual ones. */
  caFile?: string;
}

export interface Connector {
  id: string;
  tenant: string;
  name: string;
  /** `https://slack.com`, `https://api.example.com:8443`: always https, no path, in the form of `URL.origin`. */
  origins: string[];
  auth: AuthScheme;
  /** Names of query parameters and body fields where the service reads a credential too (`token`): no call may have them. */
  foreignCredentialFields?: string[];
  operations: Operation[];
  connectTo?: ConnectTo;
  /** Where its operations come from. */
  source: {
    kind: 'openapi' | 'mcp' | 'operations' | 'catalog';
    title?: string;
    version?: string;
    sha256?: string;
    leftOut?: string[];
  };
  createdAt: string;
  updatedAt: string;
}

/** What a request is, among a connector's operations. `ambiguous` is refused: the service might read it otherwise. */
export type OperationMatch =
  /** `pathParameters`: as written, percent-encoding kept. */
  | { kind: 'operation'; operation: Operation; pathParameters: Record<string, string> }
  | { kind: 'none' }
  /** Method and path are right; `matchBody` says which operation it is. */
  | { kind: 'in_body' }
  | { kind: 'ambiguous'; why: string };

/** A connector ready for calls. Frozen and shared. */
export interface CompiledConnector {
  readonly connector: Connector;
  /** `url` is parsed, its path as the guest wrote it. Operations with `rpc` are told apart by `matchBody`. */
  match(method: string, url: URL): OperationMatch;
  /** For MCP: which operation a JSON-RPC body calls; headers must not say otherwise. Undefined for connectors without `rpc`. */
  matchBody?(body: Uint8Array, headers?: readonly (readonly [string, string])[]): OperationMatch;
}
