/** 200 agents in turn: more than there are workers, so nearly every run waits for a worker process that is new to its agent. */
import { type Lab, measureInRounds, type Part, subjectTable, summarize } from '../lab.ts';

const AGENTS = 200;
const NAME = `cordon, ${AGENTS} agents`;

export async function agents(lab: Lab): Promise<Part> {
  const service = await lab.service();
  const naive = await lab.naive();
  const ids = await service.makeAgents('many', AGENTS);
  // Starting a worker costs most of a core: what it leaves for others would spoil short rounds.
  const scale = {
    rounds: Math.min(2, lab.scale.rounds),
    requests: Math.min(60, lab.scale.requests),
    loadMs: lab.scale.loadMs * 3,
    warmUpMs: lab.scale.loadMs,
  };
  const rounds = await measureInRounds({ load: lab.load, scale }, [
    { name: 'naive bound', target: naive.run.target },
    { name: NAME, target: service.runs(ids), settled: service.settled, warmUp: 0 },
  ]);
  const summaries = summarize(rounds, 'naive bound');
  return {
    data: summaries,
    tables: [
      subjectTable(`The price of a worker change: ${AGENTS} agents in turn`, summaries, 'naive', [
        'a worker process serves one agent until it dies: an agent without one takes a blank one, and a new blank one is started',
      ]),
    ],
  };
}
