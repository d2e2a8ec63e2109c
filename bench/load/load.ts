import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { Processes } from '../processes.ts';
import type { Answered, Job } from './job.ts';

/** Asks the one load process; jobs are done one after the other. Errors: the first wrong answer of a subject. */
export type Load = (job: Job) => Promise<Answered>;

export function startLoad(processes: Processes): Load {
  const child = fork(join(import.meta.dirname, 'client.ts'), [], { execArgv: [] });
  processes.add(child);
  let last: Promise<unknown> = Promise.resolve();

  const ask = (job: Job) =>
    new Promise<Answered>((resolve, reject) => {
      const onExit = () => reject(new Error('the load process died'));
      child.once('exit', onExit);
      child.once('message', (message: { done: Answered } | { failed: string }) => {
        child.off('exit', onExit);
        if ('done' in message) resolve(message.done);
        else reject(new Error(message.failed));
      });
      child.send(job);
    });

  return (job) => {
    const answered = last.then(() => ask(job));
    last = answered.catch(() => {});
    return answered;
  };
}
