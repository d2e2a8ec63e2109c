/**
 * The load client, a process of its own and the same for every subject. Node's own HTTP client: about 40 microseconds of
 * CPU per request, reported with the results, and nothing to install.
 */
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import type { Answered, Job, Target } from './job.ts';

let number = 0;

function requestOf(agent: Agent, { port, path, headers, bodies }: Target) {
  let turn = 0;
  return (onAnswer: (answer: IncomingMessage) => void, onError: (error: Error) => void): void => {
    const body = (bodies[turn++ % bodies.length] as string).replace('__N__', () => String(++number));
    const options = { agent, host: '127.0.0.1', port, path, method: 'POST' };
    const request = httpRequest(
      { ...options, headers: { ...headers, 'content-length': Buffer.byteLength(body) } },
      onAnswer,
    );
    request.on('error', onError);
    request.end(body);
  };
}

function answerOf(send: ReturnType<typeof requestOf>, expect: string): () => Promise<string> {
  return () =>
    new Promise((resolve, reject) => {
      send((answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => (text += chunk));
        answer.on('end', () => {
          if (answer.statusCode === 200 && text.includes(expect)) resolve(text);
          else reject(new Error(`a wrong answer: ${answer.statusCode} ${text.slice(-700)}`));
        });
      }, reject);
    });
}

/** Resolves with the times at which the first event, the first output and the end arrived. */
function streamOf(
  send: ReturnType<typeof requestOf>,
  expect: string,
): () => Promise<{ firstEventMs: number; firstOutputMs: number }> {
  return () =>
    new Promise((resolve, reject) => {
      const start = performance.now();
      send((answer) => {
        let text = '';
        let firstEventMs: number | undefined;
        let firstOutputMs: number | undefined;
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => {
          text += chunk;
          if (text.includes('\n\n')) firstEventMs ??= performance.now() - start;
          if (text.includes('event: stdout')) firstOutputMs ??= performance.now() - start;
        });
        answer.on('end', () => {
          if (firstEventMs === undefined || firstOutputMs === undefined || !text.includes(expect))
            reject(new Error(`a wrong stream: ${text.slice(0, 500)}`));
          else resolve({ firstEventMs, firstOutputMs });
        });
      }, reject);
    });
}

async function run(job: Job): Promise<Answered> {
  const callers = job.kind === 'callers' ? job.callers : job.kind === 'burst' ? job.count : 1;
  const agent = new Agent({ keepAlive: true, maxSockets: callers });
  const send = requestOf(agent, job.target);
  const latenciesMs: number[] = [];
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  const result: Partial<Answered> = {};

  async function timed<T>(once: () => Promise<T>): Promise<T> {
    const before = performance.now();
    const value = await once();
    latenciesMs.push(performance.now() - before);
    return value;
  }

  if (job.kind === 'streams') {
    const times: Awaited<ReturnType<ReturnType<typeof streamOf>>>[] = [];
    for (let at = 0; at < job.count; at++) times.push(await timed(streamOf(send, job.target.expect)));
    result.firstEventMs = times.map((time) => time.firstEventMs);
    result.firstOutputMs = times.map((time) => time.firstOutputMs);
  } else if (job.kind === 'burst') {
    const once = answerOf(send, job.target.expect);
    const settled = await Promise.allSettled(Array.from({ length: job.count }, () => timed(once)));
    result.wrong = settled.flatMap((one) => (one.status === 'rejected' ? [(one.reason as Error).message] : []));
  } else {
    const once = answerOf(send, job.target.expect);
    const answers: string[] = [];
    const goOn = () => {
      const [done, spentMs] = [latenciesMs.length, performance.now() - start];
      if (job.kind === 'callers') return spentMs < job.durationMs;
      return done < job.count && (done < 10 || spentMs < (job.withinMs ?? Number.POSITIVE_INFINITY));
    };
    const caller = async () => {
      while (goOn()) {
        const text = await timed(once);
        if (job.keepAnswers) answers.push(text);
      }
    };
    await Promise.all(Array.from({ length: callers }, caller));
    if (job.keepAnswers) result.answers = answers;
  }
  const totalMs = performance.now() - start;
  const { user, system } = process.cpuUsage(cpuBefore);
  agent.destroy();
  return { ...result, latenciesMs, totalMs, clientCpuMicros: (user + system) / latenciesMs.length };
}

process.on('message', (job: Job) => {
  run(job).then(
    (done) => process.send?.({ done }),
    (error: Error) => process.send?.({ failed: error.message }),
  );
});
process.on('disconnect', () => process.exit(0));
