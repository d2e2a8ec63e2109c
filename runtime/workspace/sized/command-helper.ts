/**
 * A small process that runs programs of the system for us. The service is large, and starting a program from it copies
 * its page tables first: milliseconds to tens of them, in which nobody is served. From the helper it takes one.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { env, type RunCommand, runCommand } from './command.ts';
import { VolumeError } from './volume-error.ts';

export interface CommandHelper {
  /** As `runCommand`, which serves where the helper cannot: arguments with line breaks, or when it is gone. */
  run: RunCommand;
  close(): void;
}

/**
 * Reads requests of lines: id, seconds, number of arguments, each argument. Answers one line: id, exit code, what was said.
 * Arguments stay arguments: nothing of them is read as shell text.
 */
const script = `
while IFS= read -r id && IFS= read -r seconds && IFS= read -r left; do
  set --
  while [ "$left" -gt 0 ]; do IFS= read -r argument; set -- "$@" "$argument"; left=$((left - 1)); done
  {
    said=$(timeout -s KILL "$seconds" "$@" 2>&1 </dev/null)
    code=$?
    printf '%s %s %s\\n' "$id" "$code" "$(printf %s "$said" | tr '\\n' ' ' | cut -c 1-1000)"
  } &
done
`;

export function createCommandHelper(): CommandHelper {
  const waiting = new Map<number, { resolve(said: string): void; reject(error: Error): void; program: string }>();
  let child: ChildProcess | undefined;
  let unread = '';
  let last = 0;
  let isClosed = false;

  function start(): ChildProcess {
    const made = spawn('/bin/sh', ['-c', script], { env, stdio: ['pipe', 'pipe', 'ignore'] });
    // It ends with us: its input does.
    made.unref();
    for (const stream of [made.stdin, made.stdout]) (stream as unknown as { unref(): void }).unref();
    made.stdin?.on('error', () => {});
    made.stdout?.setEncoding('utf8').on('data', read);
    made.on('error', gone);
    made.on('exit', gone);
    return made;
  }

  function gone(): void {
    child = undefined;
    for (const { reject, program } of waiting.values())
      reject(new VolumeError(`${program} failed: the process that runs commands is gone`, { exitCode: undefined }));
    waiting.clear();
  }

  function read(text: string): void {
    const lines = (unread + text).split('\n');
    unread = lines.pop() ?? '';
    for (const line of lines) {
      const [, id, code, said = ''] = /^(\d+) (\d+) (.*)$/.exec(line) ?? [];
      const asked = waiting.get(Number(id));
      waiting.delete(Number(id));
      if (code === '0') asked?.resolve(said);
      else asked?.reject(new VolumeError(`${asked.program} failed: ${said}`, { exitCode: Number(code) }));
    }
  }

  return {
    async run(program, args, timeoutMs = 60_000) {
      if (isClosed || [program, ...args].some((argument) => argument.includes('\n')))
        return runCommand(program, args, timeoutMs);
      child ??= start();
      const id = ++last;
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      waiting.set(id, { resolve, reject, program });
      const words = [id, Math.ceil(timeoutMs / 1000), args.length + 1, program, ...args];
      child.stdin?.write(`${words.join('\n')}\n`);
      // Whoever waits keeps the process alive; an idle helper does not.
      const stay = setInterval(() => {}, 60_000);
      return promise.finally(() => clearInterval(stay));
    },
    close() {
      isClosed = true;
      child?.stdin?.end();
    },
  };
}
