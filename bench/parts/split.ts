/** What a process for each agent, a flushed record and the guest's prelude cost by themselves, beside the naive bound and Cordon. */
import { subjects } from '../bars.ts';
import { type Lab, measureInRounds, type Part, type Subject, subjectTable, summarize } from '../lab.ts';
import { splitNames, startSplit } from '../peers.ts';

const titles: Record<(typeof splitNames)[number], string> = {
  'one/forgotten': 'processes, 1 agent',
  'one/durable': 'processes and flush, 1 agent',
  'one/prelude': 'processes, flush, prelude, 1 agent',
  'sixteen/forgotten': 'processes, 16 agents',
  'sixteen/durable': 'processes and flush, 16 agents',
  'sixteen/prelude': 'processes, flush, prelude, 16 agents',
};

export async function split(lab: Lab): Promise<Part> {
  const service = await lab.service();
  const naive = await lab.naive();
  const targets = await startSplit(lab.processes);
  const { settled } = service;
  const measured: Subject[] = [
    { name: subjects.naive, target: naive.run.target },
    ...splitNames.map((name) => ({ name: titles[name], target: targets[name], warmUp: 100 })),
    { name: subjects.oneAgent, target: service.runs(await service.makeAgents('split-one', 1)), settled },
    { name: subjects.sixteenAgents, target: service.runs(await service.makeAgents('split', 16)), settled },
  ];
  const summaries = summarize(await measureInRounds(lab, measured), subjects.naive);
  const notes = [
    'processes: the naive bound with the isolates of each agent made ahead in a process of its own; flush: a record of each run on disk before the answer; prelude: what guests may use, as in Cordon; no key, wall, limit, quota or event in any',
  ];
  return { data: { summaries }, tables: [subjectTable('What the architecture costs', summaries, 'naive', notes)] };
}
