/** Cordon beside its peers: the figures that the bars hold. */
import { comparisonBars, subjects } from '../bars.ts';
import { type Lab, type Measured, measureInRounds, type Part, type Subject, subjectTable, summarize } from '../lab.ts';
import { startWorkerd } from '../peers.ts';
import { residentBytes } from '../process-figures.ts';

export async function compare(lab: Lab): Promise<Part> {
  const service = await lab.service();
  const naive = await lab.naive();
  const one = await service.makeAgents('compare-one', 1);
  const sixteen = await service.makeAgents('compare', 16);
  const absent: Record<string, string> = {};
  const workerd = await startWorkerd(lab.processes, lab.say).catch((error: Error) => {
    absent[subjects.workerd] = error.message;
    lab.say(`No figures of workerd: ${error.message}`);
    return undefined;
  });
  const settled = service.settled;
  const measured: Subject[] = [
    { name: 'constant server', target: naive.hello.target },
    { name: subjects.naive, target: naive.run.target },
    { name: subjects.oneAgent, target: service.runs(one), settled },
    { name: subjects.sixteenAgents, target: service.runs(sixteen), settled },
    ...(workerd ? [{ name: subjects.workerd, target: workerd.target, tires: true as const }] : []),
  ];
  const rounds = await measureInRounds(lab, measured);
  const summaries = summarize(rounds, subjects.naive);
  const notes = [
    `medians of ${rounds.length} rounds in turn; ratios are taken within a round; the constant server shows what HTTP and the load client cost`,
    ...Object.entries(absent).map(([name, why]) => `${name}: ${why}`),
    ...(workerd
      ? [`workerd's resident memory afterwards: ${Math.round(residentBytes(workerd.pid) / 1024 ** 2)} MiB`]
      : []),
  ];
  return {
    judged: { bars: comparisonBars, rounds, absent },
    data: { summaries, absent, rounds: rounds.map(withoutLatencies) },
    tables: [subjectTable('A run of `1+1` over HTTP', summaries, 'naive', notes)],
  };
}

const withoutLatencies = (round: Record<string, Measured>) =>
  Object.fromEntries(Object.entries(round).map(([name, { latenciesMs: _, ...figures }]) => [name, figures]));
