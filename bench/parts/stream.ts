/** How soon a caller sees something: server-sent events of a run that writes one line. */
import type { Lab, Part } from '../lab.ts';
import { median, percentile } from '../statistics.ts';

export async function stream(lab: Lab): Promise<Part> {
  const service = await lab.service();
  const target = service.runs(await service.makeAgents('stream', 1), {
    code: "console.log('x'); 1+1",
    expect: 'event: finished',
  });
  const streamed = { ...target, headers: { ...target.headers, accept: 'text/event-stream' } };
  await lab.load({ kind: 'streams', target: streamed, count: 20 });
  await service.settled();
  const {
    firstEventMs = [],
    firstOutputMs = [],
    latenciesMs,
  } = await lab.load({ kind: 'streams', target: streamed, count: lab.scale.requests });
  const row = (name: string, values: number[]) => [name, median(values), percentile(values, 0.99)];
  return {
    data: {
      firstEventP50Ms: median(firstEventMs),
      firstOutputP50Ms: median(firstOutputMs),
      endP50Ms: median(latenciesMs),
    },
    tables: [
      {
        title: 'Events of a run, from the request sent',
        columns: ['', 'p50 ms', 'p99 ms'],
        rows: [
          row('first event', firstEventMs),
          row('first output of the guest', firstOutputMs),
          row('end of the stream', latenciesMs),
        ],
      },
    ],
  };
}
