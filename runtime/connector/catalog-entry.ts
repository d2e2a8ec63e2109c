/** The shape of a catalog entry: a service that Cordon knows, as a data file. Checked strictly when it is read. */
import type { AuthScheme, Effect, OperationParameter } from './connector.ts';

/** One operation, in a catalog entry and in a list written by hand. */
export interface OperationInput {
  /** 1 to 200 letters, digits, `.`, `_`, `-`, `/`, `{`, `}`; the first a letter or digit. Unique in its connector. */
  name: string;
  /** GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS. */
  method: string;
  /** Methods that the service takes for the same thing. */
  otherMethods?: string[];
  /**
   * From the root of the origin. `{x}`: one segment, or a part of one beside literal text (`{id}.json`, `{id}:move`).
   * `{x+}`: the rest of the path, slashes included; text behind it ends it (`/root:/{path+}:/content`). A query at the end (`?acl`, `?type=a&b`) belongs to what tells
   * operations on one path apart: the request must have these parameters, with these values where one is given.
   */
  path: string;
  effect: Effect;
  /** What can go wrong with it, in one sentence for people. */
  danger?: string;
  /** Those of the path need not be listed. */
  parameters?: OperationParameter[];
  /** Where not all of the connector's hosts have it: `files.slack.com`. Each must be among the connector's hosts. */
  hosts?: string[];
  /** Query parameters that are not listed make it another operation (S3): such a request is refused. */
  strictQuery?: true;
  /** Request headers (lower case) with which it would be another operation, such as `x-amz-copy-source`: refused. */
  refuseHeaders?: string[];
  /** Its body is content (a file), never parameters: no field is looked for in it. */
  rawBody?: true;
}

export interface CatalogEntry {
  /** A slug, the file's name, and the usual id of a connector made from it: `slack`. */
  name: string;
  /** For people: `Slack`. */
  title: string;
  /** The service's own reference, https. */
  documentation: string;
  /** Names with an optional port (`slack.com`, `api.example.com:8443`): the default of a connector's `hosts`. At least one unless `needsHosts`. */
  hosts?: string[];
  /** Each customer has a host of their own: a connector must say which. `hostsHelp` tells what it looks like. */
  needsHosts?: true;
  hostsHelp?: string;
  /** The default of a connector's `auth`. Absent: a connector must say it, and `authHelp` tells how. */
  auth?: AuthScheme;
  authHelp?: string;
  /** Query parameters and top-level body fields in which the service would take a credential besides its scheme's own. */
  foreignCredentialFields?: string[];
  operations: OperationInput[];
}

/** The catalog as connectors use it. */
export interface Catalog {
  /** Undefined for a name that is not in it. Frozen. */
  entry(name: string): CatalogEntry | undefined;
  names(): readonly string[];
}
