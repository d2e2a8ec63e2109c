/** The calls by which the gate is measured: the service, its connectors and grants, and what goes between the processes. */

export const protocols = ['HTTP/2', 'HTTP/1.1'] as const;
export type Protocol = (typeof protocols)[number];
export const operations = ['read', 'write'] as const;
export type Operation = (typeof operations)[number];
export const ways = ['straight', 'gate'] as const;
export type Way = (typeof ways)[number];

export interface CallKind {
  operation: Operation;
  protocol: Protocol;
  /** What the service waits before it answers. */
  serviceMs: number;
}

/** Where the stand-in for the service listens, on loopback. */
export interface Place {
  ports: Record<Protocol, number>;
  /** With the certificate of its authority. */
  caFile: string;
}

export interface CallsAsked extends CallKind {
  way: Way;
  count: number;
  /** Calls under way at once. */
  inFlight: number;
}

export interface CallsDone {
  /** Of each call, to the last byte of its answer. */
  latenciesMs: number[];
  /** From the first call to the last answer; through the gate, until all of them are in the audit on disk. */
  totalMs: number;
  /** Of all threads of the calling process in that time. */
  cpuMs: number;
}

export type StandInQuestions = { where: { asked: undefined; answer: Place } };
export type CallerQuestions = {
  calls: { asked: CallsAsked; answer: CallsDone };
  /** Flushed transactions, one after the other; times in ms. */
  flushes: { asked: number; answer: number[] };
};

export const address = '127.0.0.1';
export const token = 'a-token-of-the-benchmark-1f7c2b90';
/** Of an answer. */
export const ANSWER_BYTES = 2048;

const names: Record<Protocol, string> = { 'HTTP/2': 'two.contacts.example', 'HTTP/1.1': 'one.contacts.example' };
export const originOf = (protocol: Protocol): string => `https://${names[protocol]}`;
export const connectorOf = (protocol: Protocol): string => (protocol === 'HTTP/2' ? 'contacts-two' : 'contacts-one');

/** As `POST /v1/connectors` takes it. */
export const connectorInput = (protocol: Protocol, { ports, caFile }: Place) => ({
  id: connectorOf(protocol),
  hosts: [names[protocol]],
  auth: { type: 'bearer' },
  operations: [
    { name: 'contacts.list', method: 'GET', path: '/v1/{wait}/contacts', effect: 'read' },
    { name: 'contacts.create', method: 'POST', path: '/v1/{wait}/contacts', effect: 'write' },
  ],
  connectTo: { address, port: ports[protocol], caFile },
});

/** As `POST /v1/agents/{id}/grants` takes them: each with a constraint, in the query and in the body. */
export const grantInputs = (protocol: Protocol): Record<Operation, Record<string, unknown>> => ({
  read: {
    connector: connectorOf(protocol),
    operations: ['contacts.list'],
    constraints: { list: { equals: 'team' } },
  },
  write: {
    connector: connectorOf(protocol),
    operations: ['contacts.create'],
    constraints: { list: { oneOf: ['team', 'guests'] } },
  },
});

export interface PlainRequest {
  method: string;
  path: string;
  headers: [string, string][];
  body?: Uint8Array;
}

const contact = JSON.stringify({ list: 'team', name: 'Ada Lovelace', email: 'ada@example.com', note: 'n'.repeat(120) });

/** As a guest sends it: the credential is the gate's to add, or whoever calls straight. */
export function requestOf({ operation, serviceMs }: CallKind): PlainRequest {
  const path = `/v1/${serviceMs}/contacts`;
  const accept: [string, string] = ['accept', 'application/json'];
  if (operation === 'read') return { method: 'GET', path: `${path}?list=team&limit=20`, headers: [accept] };
  const headers: [string, string][] = [accept, ['content-type', 'application/json']];
  return { method: 'POST', path, headers, body: Buffer.from(contact) };
}
