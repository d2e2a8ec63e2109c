/** JavaScript and TypeScript, the same program again and again and a new one each time (a worker keeps the last results of its parser). */
import { type Lab, measureInRounds, type Part, type Subject, subjectTable, summarize } from '../lab.ts';

const SAME = 'javascript, one program';
const typed = 'enum Two { Is = 2 }\nconst sum = (a: number, b: number): number => a + b;\nsum(1, 1) satisfies Two';

export async function languages(lab: Lab): Promise<Part> {
  const service = await lab.service();
  const naive = await lab.naive();
  const agent = await service.makeAgents('languages', 1);
  const program = (name: string, language: string, code: string): Subject => ({
    name,
    target: service.runs(agent, { language, code }),
    settled: service.settled,
  });
  const rounds = await measureInRounds(lab, [
    { name: 'naive bound, new programs', target: { ...naive.run.target, bodies: ['/*__N__*/return 1+1'] } },
    program(SAME, 'javascript', '1+1'),
    program('javascript, new programs', 'javascript', '/*__N__*/1+1'),
    program('typescript, one program', 'typescript', typed),
    program('typescript, new programs', 'typescript', `/*__N__*/${typed}`),
  ]);
  const summaries = summarize(rounds, SAME);
  return { data: summaries, tables: [subjectTable('Languages: one agent', summaries, 'js')] };
}
