/** Where the time of a run in a warm container goes, from its events. */
import type { Lab } from '../lab.ts';
import { median, percentile } from '../statistics.ts';
import type { Table } from '../table.ts';
import type { Cordon } from './containers-cordon.ts';

type Step =
  | 'until the lease'
  | 'lease'
  | 'files mounted'
  | 'first output'
  | 'until it is gone'
  | 'settle'
  | 'around it';
export type Steps = Record<Step, number>;

interface Event {
  type: string;
  at: string;
  name?: string;
  startMs?: number;
  durationMs?: number;
}

/** Runs one after the other, the pool full before each. */
export async function measureSteps(lab: Lab, { overHttp, settled }: Cordon, count: number): Promise<Steps[]> {
  if (overHttp === undefined) return [];
  const { service, target } = overHttp;
  const steps: Steps[] = [];
  for (let at = 0; at < count; at++) {
    await settled();
    const { answers = [], latenciesMs } = await lab.load({
      kind: 'one-at-a-time',
      target,
      count: 1,
      keepAnswers: true,
    });
    const { id } = JSON.parse(answers[0] as string) as { id: string };
    const text = await (await service.api('GET', `/v1/runs/${id}/events`)).text();
    const events = [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data as string) as Event);
    const found = stepsOf(events, latenciesMs[0] as number);
    if (found) steps.push(found);
  }
  return steps;
}

/** Undefined: an event is missing. */
export function stepsOf(events: readonly Event[], allMs: number): Steps | undefined {
  const span = (wanted: string) => {
    const { startMs, durationMs } = events.find(({ name }) => name === wanted) ?? {};
    return startMs === undefined || durationMs === undefined ? undefined : { startMs, endMs: startMs + durationMs };
  };
  const [admission, lease, execute, settle] = ['admission', 'lease', 'execute', 'settle'].map(span);
  const output = events.find(({ type }) => type === 'stdout');
  if (!admission || !lease || !execute || !settle || !output) return undefined;
  const outputMs = Math.max(execute.startMs, Date.parse(output.at));
  return {
    'until the lease': lease.startMs - admission.startMs,
    lease: lease.endMs - lease.startMs,
    'files mounted': execute.startMs - lease.endMs,
    'first output': outputMs - execute.startMs,
    'until it is gone': execute.endMs - outputMs,
    settle: settle.endMs - settle.startMs,
    'around it': allMs - (settle.endMs - admission.startMs),
  };
}

export function stepsTable(steps: readonly Steps[]): Table {
  const names = Object.keys(steps[0] ?? {}) as Step[];
  return {
    title: 'Where the time of a run in a warm container goes, runc, ms',
    columns: ['', 'p50', 'p90'],
    rows: names.map((name) => {
      const values = steps.map((one) => one[name]);
      return [name, median(values), percentile(values, 0.9)];
    }),
    notes: [
      'in this order; settle unmounts the files, flushes them and lists what changed, while the next container is made; around it: HTTP, the records of the run, the client',
    ],
  };
}
