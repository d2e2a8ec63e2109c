/** How a container's run ended: what its supervisor saw of the process, together with what the program said of itself. */
import { constants } from 'node:os';
import type { Outcome, Program } from '../driver.ts';
import type { LimitName } from '../limits.ts';
import { boundedEnd, ramOutcome } from '../outcomes.ts';
import type { EndedMessage } from './messages.ts';

/** What a run told besides how its process ended. */
export interface Told {
  /** JSON text that the program's harness, or `cordon result`, gave last. */
  said: string | undefined;
  /** The end of its stderr, by which the failure of a shell's command is known. */
  lastWords: string;
  /** A file that it left could not be brought back for this limit. */
  notKept: LimitName | undefined;
}

/** Errors: ProtocolError for a `said` that is none. */
export function outcomeOf(program: Program, ended: EndedMessage, told: Told): Outcome {
  const outcome = ofProcess(program, ended, told);
  const { notKept } = told;
  if (notKept === undefined || (outcome.status !== 'succeeded' && outcome.status !== 'failed')) return outcome;
  return noRoom(program, notKept, outcome.exitCode);
}

function ofProcess(program: Program, ended: EndedMessage, { said: end, lastWords }: Told): Outcome {
  const exitCode = ended.signal === undefined ? ended.exitCode : 128 + ended.signal;
  const said = end === undefined ? undefined : boundedEnd(program, end);
  if (program.language === 'shell') return ofShell(program, ended, exitCode ?? 255, said, lastWords);
  // V8 aborts when its heap is full; a program that aborts by itself tells an end before.
  if (said === undefined && ended.signal === constants.signals.SIGABRT && program.language !== 'python')
    return ramOutcome(program);
  if (said === undefined) return exitCode === 0 ? { status: 'succeeded', exitCode } : badExit(ended, exitCode ?? 255);
  // It said how it ended and then the process broke: a crash while it was torn down.
  if (said.status === 'succeeded' && exitCode !== 0 && exitCode !== said.exitCode)
    return badExit(ended, exitCode ?? 255);
  return corrected(said, ended);
}

function ofShell(
  program: Program,
  ended: EndedMessage,
  exitCode: number,
  said: Outcome | undefined,
  lastWords: string,
): Outcome {
  const limit = said?.status === 'limit_exceeded' ? said.error.limit : undefined;
  // What is too large to be a result is none, however the script goes on.
  if (limit === 'resultBytes') return { ...said, exitCode } as Outcome;
  if (exitCode === 0) return { ...(said?.status === 'succeeded' ? said : { status: 'succeeded' as const }), exitCode };
  // A limit that a command met, and the script did not mind, is over when it ends well.
  if (limit !== undefined) return { ...said, exitCode } as Outcome;
  const noSpace = /No space left on device|Disk quota exceeded/.test(lastWords) ? 'workspaceBytes' : undefined;
  const full = ended.full === 'tmp' ? undefined : (ended.full ?? noSpace);
  return full === undefined ? badExit(ended, exitCode) : noRoom(program, full, exitCode);
}

/**
 * A harness knows that there was no space, not where and of what. The kernel may refuse a large write as a whole and
 * leave room for smaller ones: unless /tmp is what is full, it was the workspace.
 */
function corrected(said: Outcome, { full }: EndedMessage): Outcome {
  if (said.status !== 'limit_exceeded') return said;
  const { limit, ...error } = said.error;
  if (limit !== 'workspaceBytes' && limit !== 'files') return said;
  if (full === 'tmp') return { status: 'failed', error };
  return full === undefined ? said : { ...said, error: { ...said.error, limit: full } };
}

function badExit({ signal }: EndedMessage, exitCode: number): Outcome {
  const message =
    signal === undefined
      ? `The program ended with exit code ${exitCode}`
      : `The program was ended by ${signalName(signal)}`;
  return { status: 'failed', error: { name: 'ExitCode', message }, exitCode };
}

const noRoom = (program: Program, limit: LimitName, exitCode: number | undefined): Outcome => ({
  status: 'limit_exceeded',
  error: { name: 'LimitExceeded', message: `${limit} is used up (${program.limits[limit]})`, limit },
  ...(exitCode === undefined ? {} : { exitCode }),
});

const signalName = (number: number): string =>
  Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? `signal ${number}`;
