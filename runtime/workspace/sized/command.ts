import { execFile } from 'node:child_process';
import { VolumeError } from './volume-error.ts';

/** Where distributions keep these programs; nothing of our own environment reaches them. */
export const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };

export type RunCommand = (program: string, args: readonly string[], timeoutMs?: number) => Promise<string>;

const TIMEOUT_MS = 60_000;
/** For what waits until the disk has it all. */
export const SLOW_MS = 900_000;

/**
 * Runs a program of the system to its end and answers what it said. Arguments are a list, never a shell's text.
 * Errors: VolumeError with what it said on stderr; `exitCode` undefined when it could not start or took too long.
 */
export function runCommand(program: string, args: readonly string[], timeout = TIMEOUT_MS): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { env, timeout, killSignal: 'SIGKILL', maxBuffer: 1024 * 1024 } as const;
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      const exitCode = typeof error.code === 'number' ? error.code : undefined;
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      const said = missing ? 'it is not installed' : stderr.trim() || error.message;
      reject(new VolumeError(`${program} failed: ${said}`, { cause: error, exitCode }));
    });
    child.stdin?.end();
  });
}
