/** What a run was asked to do. While it waits, what is large of it lies on the disk only: a queue may be long. */
import type { RequestFile, RunSource } from './record.ts';
import { roughBytes } from './rough-bytes.ts';

export interface WholeSource extends RunSource {
  files: RequestFile[];
}

/** Ten thousand waiting runs of this size are 160 MB. */
const KEPT_BYTES = 16 * 1024;

export interface HeldSource {
  get(): Promise<WholeSource>;
  /** Call when it is durable and the run has to wait. */
  waits(): void;
  /** Call when the run has all of it. */
  letGo(): void;
  /** False: it certainly had none. */
  readonly mayHaveFiles: boolean;
}

/** `given` undefined: it is only on the disk, where `read` finds it. */
export function holdSource(given: WholeSource | undefined, read: () => Promise<WholeSource>): HeldSource {
  let held = given;
  return {
    async get() {
      held ??= await read();
      return held;
    },
    waits() {
      if (held && sizeOf(held) > KEPT_BYTES) held = undefined;
    },
    letGo() {
      held = undefined;
    },
    mayHaveFiles: given === undefined || given.files.length > 0,
  };
}

function sizeOf({ code, input, files }: WholeSource): number {
  const content = files.reduce((sum, file) => sum + file.path.length + file.content.length, 0);
  // The input may have millions of parts: they are only counted where the rest does not say it already.
  return content + code.length > KEPT_BYTES ? content + code.length : content + code.length + roughBytes(input);
}
