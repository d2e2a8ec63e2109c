import { destination as openDestination, pino, stdSerializers } from 'pino';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';
type Fields = Record<string, unknown>;

/** Diagnostics for operators: one JSON object a line. Never a key, a guest's code, input or output. */
export interface Log {
  debug(fields: Fields, message: string): void;
  info(fields: Fields, message: string): void;
  warn(fields: Fields, message: string): void;
  error(fields: Fields, message: string): void;
  /** Writes out what is buffered; call before the process exits. */
  flush(): void;
}

/** Never written. Named one by one, because a wildcard here doubles what a line costs. */
const SECRET = [
  'authorization',
  'key',
  'secret',
  'token',
  'password',
  'adminKey',
  'headers.authorization',
  'headers["x-api-key"]',
];

/** Lines that the buffer holds at most before new ones are dropped, when nobody reads the log. */
const MAX_BUFFERED_BYTES = 16 * 1024 * 1024;

/**
 * Logs to a file descriptor (2, standard error: standard output is for people), or into `write` in tests.
 * Lines are gathered and written together, at the latest after 100 ms, so that a request pays for the line but not for
 * the write; `flush` at exit. Only a crash that runs no code (SIGKILL) loses the last of them.
 */
export function createLog(level: LogLevel, to: number | { write(line: string): void } = 2): Log {
  const stream =
    typeof to === 'number'
      ? openDestination({
          dest: to,
          sync: false,
          minLength: 4096,
          periodicFlush: 100,
          maxLength: MAX_BUFFERED_BYTES,
        } as never)
      : undefined;
  // A closed pipe behind the log must not end the service.
  stream?.on('error', () => {});
  const logger = pino(
    {
      level,
      base: null,
      timestamp: () => `,"at":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      messageKey: 'message',
      serializers: { err: stdSerializers.errWithCause, error: stdSerializers.errWithCause },
      redact: { paths: SECRET, censor: '[redacted]' },
    },
    (stream ?? to) as { write(line: string): void },
  );
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    flush() {
      try {
        stream?.flushSync();
      } catch {
        // The reader of the log is gone, or the pipe is full: nothing left to do at exit.
      }
    },
  };
}
