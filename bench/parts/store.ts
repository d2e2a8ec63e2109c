/** What it costs that a run is flushed to disk before it is answered. The second service is for this figure alone: no bar sees it. */
import { type Lab, measureInRounds, type Part, subjectTable, summarize } from '../lab.ts';
import { startService } from '../service.ts';

const DISK = 'durability disk (default)';
const PROCESS = 'durability process';

export async function store(lab: Lab): Promise<Part> {
  const disk = await lab.service();
  const noFlush = await startService(lab.processes, { env: { CORDON_DURABILITY: 'process' } });
  const rounds = await measureInRounds(lab, [
    { name: DISK, target: disk.runs(await disk.makeAgents('store', 1)), settled: disk.settled },
    { name: PROCESS, target: noFlush.runs(await noFlush.makeAgents('store', 1)), settled: noFlush.settled },
  ]);
  await noFlush.stop();
  const summaries = summarize(rounds, DISK);
  const flushMs = (summaries[DISK]?.p50Ms ?? Number.NaN) - (summaries[PROCESS]?.p50Ms ?? Number.NaN);
  return {
    data: { summaries, flushMs },
    tables: [
      subjectTable('The store: the same load without flushes', summaries, 'disk', [
        `flushes cost ${flushMs.toFixed(2)} ms of a run one at a time; \`process\` survives a crash of Cordon, not of the machine, and no bar is measured with it`,
      ]),
    ],
  };
}
