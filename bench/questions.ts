/** Processes of the benchmark that are asked one question after the other, and their side of the channel. */
import { fork } from 'node:child_process';
import { basename } from 'node:path';
import type { Processes } from './processes.ts';

/** By name: what is sent with the question, and what comes back. Plain data. */
export type Questions = Record<string, { asked: unknown; answer: unknown }>;

export interface Child<Q extends Questions> {
  /** Errors: what the process failed with. */
  ask<N extends keyof Q & string>(name: N, asked: Q[N]['asked']): Promise<Q[N]['answer']>;
  end(): Promise<void>;
}

export type Answering<Q extends Questions> = {
  [N in keyof Q]?: (asked: Q[N]['asked']) => Promise<Q[N]['answer']>;
};

/** `flags` are Node's own. Errors: it died at once, with its words on stderr. */
export async function startChild<Q extends Questions>(
  processes: Processes,
  path: string,
  { flags = [], args = [] }: { flags?: string[]; args?: string[] } = {},
): Promise<Child<Q>> {
  const child = fork(path, args, { execArgv: flags });
  const file = basename(path);
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
    ask(name, asked) {
      const answer = next<Q[typeof name]['answer']>();
      child.send({ name, asked });
      return answer;
    },
    end: () => processes.end(child),
  };
}

/** The child's side. */
export function answerQuestions<Q extends Questions>(answers: Answering<Q>): void {
  process.on('message', ({ name, asked }: { name: keyof Q & string; asked: Q[keyof Q]['asked'] }) => {
    const answer = answers[name] ?? (() => Promise.reject(new Error(`cannot answer ${name}`)));
    answer(asked).then(
      // What was not to be had is no key in JSON: null then.
      (done) => process.send?.({ done: done ?? null }),
      (error: Error) => process.send?.({ failed: error.message }),
    );
  });
  process.on('disconnect', () => process.exit(0));
  process.send?.({ done: null });
}
