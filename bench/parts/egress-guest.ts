/** What a JavaScript guest sees of the gate: its `fetch`, in a run of the whole service, beside calls straight from Node. */
import type { Lab } from '../lab.ts';
import type { Child } from '../questions.ts';
import { median, percentile } from '../statistics.ts';
import type { Table } from '../table.ts';
import {
  type CallerQuestions,
  type CallKind,
  connectorInput,
  connectorOf,
  grantInputs,
  originOf,
  type Place,
  requestOf,
  token,
} from './egress-calls.ts';

const kind: CallKind = { operation: 'read', protocol: 'HTTP/2', serviceMs: 0 };
const agent = 'egress-0';

/** Times in ms as the guest's own clock has them, of each call until its body is read. */
const program = `
const times = [];
for (let at = 0; at < input.count + 5; at++) {
  const start = performance.now();
  const response = await fetch(input.url, { headers: input.headers });
  await response.text();
  if (response.status !== 200) throw new Error('a wrong answer: ' + response.status);
  times.push(performance.now() - start);
}
export default times.slice(5);
`;

export interface GuestRound {
  straightMs: number[];
  guestMs: number[];
}

/** Errors: what the service or the run said. */
export async function measureGuest(lab: Lab, place: Place, caller: Child<CallerQuestions>): Promise<GuestRound[]> {
  const service = await lab.service();
  await service.makeAgents('egress', 1);
  await service.api('POST', '/v1/connectors', connectorInput(kind.protocol, place));
  await service.api('POST', '/v1/credentials', { connector: connectorOf(kind.protocol), agent, secret: { token } });
  await service.api('POST', `/v1/agents/${agent}/grants`, grantInputs(kind.protocol).read);
  await service.api('POST', `/v1/agents/${agent}/activate`, {});

  const { path, headers } = requestOf(kind);
  const count = lab.scale.requests;
  const run = {
    ...{ agent, language: 'javascript', code: program },
    input: { url: originOf(kind.protocol) + path, headers: Object.fromEntries(headers), count },
  };
  const rounds: GuestRound[] = [];
  for (let at = 0; at < lab.scale.rounds; at++) {
    await service.settled();
    const { latenciesMs } = await caller.ask('calls', { way: 'straight', ...kind, count, inFlight: 1 });
    const record = (await (await service.api('POST', '/v1/runs', run)).json()) as {
      status: string;
      result?: unknown;
      error?: { message: string };
    };
    if (record.status !== 'succeeded') throw new Error(`the guest's run ${record.status}: ${record.error?.message}`);
    rounds.push({ straightMs: latenciesMs, guestMs: record.result as number[] });
  }
  return rounds;
}

export function guestTable(rounds: readonly GuestRound[]): Table {
  const row = (name: string, pick: (round: GuestRound) => number[]) => [
    name,
    median(rounds.map((round) => median(pick(round)))),
    percentile(rounds.flatMap(pick), 0.99),
    median(rounds.map((round) => median(pick(round)) - median(round.straightMs))),
  ];
  return {
    title: "A JavaScript guest's fetch, one at a time, ms",
    columns: ['', 'p50', 'p99', 'more'],
    rows: [
      row('straight from Node', (round) => round.straightMs),
      row('fetch in a run of the service', (round) => round.guestMs),
    ],
    notes: [`${kind.operation}, ${kind.protocol}, ${kind.serviceMs} ms; the guest's clock counts in tenths of a ms`],
  };
}
