/** An official client with its service: what it is given, what it does, and what is expected of that. */
import type { AuthScheme } from '../../../runtime/connector/connector.ts';
import type { ServiceStandIn } from '../stand-ins/service.ts';

export interface ClientCase {
  /** Package of npm. */
  client: string;
  /** Entry of the catalog: names the connector, and the program in programs/. */
  service: string;
  /** How it is made, as the documentation shows it. */
  made: string;
  hosts?: string[];
  auth?: AuthScheme;
  secret: Record<string, string>;
  /** What must be nowhere but at the service. */
  hidden: string;
  grants: { operations: string[]; constraints?: Record<string, unknown> }[];
  standIn(): ServiceStandIn;
  /** By name, in the order in which the program makes them. */
  calls: Record<string, Expected>;
}

/** The operations that the gate sees, in order, and what the client makes of them. */
export type Expected = { gate: string[] } & (
  | { gives?: unknown }
  /** The service says no, and the client shows why. */
  | { fails: RegExp }
  /** The gate refuses it (the last one), and the client shows why. */
  | { refused: 'no_grant' | 'constraint' }
);
