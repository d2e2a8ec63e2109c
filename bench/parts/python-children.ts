/** Processes with Python interpreters in them, and what they are asked. */
import { join } from 'node:path';
import type { Processes } from '../processes.ts';
import { type Answering, type Child as AnyChild, answerQuestions as answerAll, startChild } from '../questions.ts';

export interface Time {
  wallMs: number;
  /** Of all threads of the process. */
  cpuMs: number;
}

export interface Answers {
  restore: Time[];
  run: { runMs: number; rewindMs: number }[];
  memory: number | undefined;
}

/** Each is asked with a count. */
type PythonQuestions = { [N in keyof Answers]: { asked: number; answer: Answers[N] } };
export type Child = AnyChild<PythonQuestions>;

const start = (processes: Processes, file: string, options: { flags: string[]; args: string[] }): Promise<Child> =>
  startChild<PythonQuestions>(processes, join(import.meta.dirname, file), options);

/** Interpreters in isolates, as a Python worker has them. */
export const startInterpreters = (processes: Processes) =>
  start(processes, 'python-process.ts', { flags: ['--no-node-snapshot'], args: [processes.folder()] });

export const startPyodide = (processes: Processes) =>
  start(processes, 'pyodide-process.ts', { flags: ['--expose-gc'], args: [] });

/** The child's side. */
export const answerQuestions = (answers: Answering<PythonQuestions>): void => answerAll(answers);

export async function timed<T>(work: () => Promise<T>): Promise<Time & { value: T }> {
  const [before, cpuBefore] = [performance.now(), process.cpuUsage()];
  const value = await work();
  const { user, system } = process.cpuUsage(cpuBefore);
  return { value, wallMs: performance.now() - before, cpuMs: (user + system) / 1000 };
}
