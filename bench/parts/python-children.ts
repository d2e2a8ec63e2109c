/** Processes with Python interpreters in them: started, asked one question after the other, and their side of the channel. */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { Processes } from '../processes.ts';

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
type Name = keyof Answers;
type Answering = { [N in Name]?: (count: number) => Promise<Answers[N]> };

export interface Child {
  /** Errors: what the process failed with. */
  ask<N extends Name>(name: N, count: number): Promise<Answers[N]>;
  end(): Promise<void>;
}

/** Interpreters in isolates, as a Python worker has them. */
export const startInterpreters = (processes: Processes) =>
  startChild(processes, 'python-process.ts', ['--no-node-snapshot'], [processes.folder()]);

export const startPyodide = (processes: Processes) => startChild(processes, 'pyodide-process.ts', ['--expose-gc'], []);

/** Errors: it died at once, with its words on stderr. */
async function startChild(processes: Processes, file: string, flags: string[], args: string[]): Promise<Child> {
  const child = fork(join(import.meta.dirname, file), args, { execArgv: flags });
  processes.add(child);

  const next = <T>() =>
    new Promise<T>((resolve, reject) => {
      const onExit = () => reject(new Error(`${file} died`));
      child.once('exit', onExit);
      child.once('message', (message: { done: T } | { failed: string }) => {
        child.off('exit', onExit);
        if ('done' in message) resolve(message.done);
        else reject(new Error(`${file}: ${message.failed}`));
      });
    });

  await next();
  return {
    ask(name, count) {
      const answer = next<Answers[typeof name]>();
      child.send({ name, count });
      return answer;
    },
    end: () => processes.end(child),
  };
}

/** The child's side. */
export function answerQuestions(answers: Answering): void {
  process.on('message', ({ name, count }: { name: Name; count: number }) => {
    const answer = answers[name] ?? (() => Promise.reject(new Error(`cannot answer ${name}`)));
    answer(count).then(
      // What was not to be had is no key in JSON: null then.
      (done) => process.send?.({ done: done ?? null }),
      (error: Error) => process.send?.({ failed: error.message }),
    );
  });
  process.on('disconnect', () => process.exit(0));
  process.send?.({ done: null });
}

export async function timed<T>(work: () => Promise<T>): Promise<Time & { value: T }> {
  const [before, cpuBefore] = [performance.now(), process.cpuUsage()];
  const value = await work();
  const { user, system } = process.cpuUsage(cpuBefore);
  return { value, wallMs: performance.now() - before, cpuMs: (user + system) / 1000 };
}
