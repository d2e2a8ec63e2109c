/** What must hold of a client's program, wherever it ran. */
import { expect } from 'vitest';
import type { EgressCall } from '../../runtime/egress/egress.ts';
import type { ClientCase, Expected } from './cases/client-case.ts';
import type { CallTold } from './programs/record.ts';
import type { ServiceStandIn } from './stand-ins/service.ts';
import { clientCell, documentedRows, rowOf } from './table.ts';

/** Of a call, in the order of the alphabet. Only its last request is refused. */
function wanted(expected: Expected): string[] {
  const reason = 'refused' in expected ? expected.refused : undefined;
  const { gate } = expected;
  return gate
    .map((operation, at) => `${operation} ${at === gate.length - 1 ? (reason ?? 'allowed') : 'allowed'}`)
    .sort();
}

/** In the words of the gate: what is missing, and how to ask for it; which parameter is not as the grant demands. */
const shown = { no_grant: /has no grant for .*\/grants/s, constraint: /grant \S+ allows .* only where / };

/** `calls`: as the run's events tell them. */
export function expectClient(
  one: ClientCase,
  told: CallTold[],
  calls: Partial<EgressCall>[],
  standIn: ServiceStandIn,
): void {
  const expected = Object.entries(one.calls);
  expect(told.map(({ call }) => call)).toEqual(expected.map(([name]) => name));
  // Some clients make several requests of one call at once: their order is nobody's.
  const left = calls.map(summary);
  const seen = expected.map(([, { gate }]) => left.splice(0, gate.length).toSorted());
  expect([...seen, left]).toEqual([...expected.map(([, outcome]) => wanted(outcome)), []]);
  for (const [at, [name, outcome]] of expected.entries()) {
    const { result, error } = told[at]!;
    if ('fails' in outcome) expect(texts(error), name).toMatch(outcome.fails);
    else if ('refused' in outcome) expect(texts(error), name).toMatch(shown[outcome.refused]);
    else expect([error, result], name).toEqual([undefined, outcome.gives]);
  }
  // One call of each program is a mistake on purpose.
  expect(standIn.faults.length, standIn.faults.join('\n')).toBe(1);
  expect(documentedRows().find(({ client }) => client === clientCell(one))).toEqual(rowOf(one, told, calls));
}

const summary = ({ operation, allowed, reason }: Partial<EgressCall>) => `${operation} ${allowed ? 'allowed' : reason}`;

const texts = (error: Record<string, string> | undefined) => Object.values(error ?? {}).join('\n');
