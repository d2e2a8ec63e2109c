/** Memory that all Python runs share: a run that would go above it waits for its turn, in order. */

export interface RamBudget {
  /** Resolves when the bytes are free; answers how to give them back, once. Aborting `signal` rejects. */
  take(bytes: number, signal: AbortSignal): Promise<() => void>;
  readonly usedBytes: number;
}

/** What asks for more than all there is gets it when nobody else has any. */
export function createRamBudget(totalBytes: number): RamBudget {
  let used = 0;
  const waiting: { bytes: number; go(): void }[] = [];

  const fits = (bytes: number) => used === 0 || used + bytes <= totalBytes;

  function grant(bytes: number): () => void {
    used += bytes;
    let given = false;
    return () => {
      if (given) return;
      given = true;
      used -= bytes;
      while (waiting[0] && fits(waiting[0].bytes)) waiting.shift()?.go();
    };
  }

  return {
    async take(bytes, signal) {
      signal.throwIfAborted();
      if (waiting.length === 0 && fits(bytes)) return grant(bytes);
      return new Promise((resolve, reject) => {
        const mine = { bytes, go: () => resolve(grant(bytes)) };
        waiting.push(mine);
        signal.addEventListener('abort', () => {
          const at = waiting.indexOf(mine);
          if (at >= 0) waiting.splice(at, 1);
          reject(signal.reason);
        });
      });
    },
    get usedBytes() {
      return used;
    },
  };
}
