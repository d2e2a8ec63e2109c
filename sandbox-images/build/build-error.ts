/** A build that cannot go on: what happened, and where it is known, what to do. */
export class BuildError extends Error {}

const advice: [RegExp, string][] = [
  [
    /no space left on device|ENOSPC/i,
    'The disk is full, at the engine or here. `docker system df` shows what uses it; `npm run images -- --prune` removes older images of Cordon.',
  ],
  [
    /temporary failure resolving|could not resolve|could not connect to|connection failed|failed to fetch|network is unreachable|unable to connect/i,
    "Debian's mirror (deb.debian.org) cannot be reached from here or from the engine's containers. Building needs it once for each image.",
  ],
  [
    /ECONNREFUSED|ENOENT .*\.sock|connect ENOENT|ENOTFOUND|EHOSTUNREACH|ETIMEDOUT/,
    'No container engine answers there. Start Docker, or set CORDON_ENGINE to where it listens (unix:///path or tcp://host:port).',
  ],
  [
    /connect EACCES|EPERM.*\.sock/,
    'This user may not use the engine: it must be in the group that owns the socket (usually `docker`).',
  ],
];

/** The error's message with what can be done, for a person at a terminal. */
export function explain(error: unknown): string {
  const { code, message: said } = error as NodeJS.ErrnoException;
  // Where an address has several, the error of trying them all has no message.
  const message = said || String(code);
  const [, help] = advice.find(([pattern]) => pattern.test(message)) ?? [];
  return help === undefined ? message : `${message}\n${help}`;
}
