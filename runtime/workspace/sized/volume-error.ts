/** This machine cannot do what a sized workspace needs, or one is damaged. Its message is for operators: it may hold host paths. */
export class VolumeError extends Error {
  override readonly name = 'VolumeError';
  /** Of the program that failed. */
  readonly exitCode: number | undefined;

  constructor(message: string, options: { cause?: unknown; exitCode?: number | undefined } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.exitCode = options.exitCode;
  }
}
