/** Memory that requests of all runs may take at once: bodies are held whole while they are judged, approved and sent. */

/** One run's part of it. */
export interface ByteShare {
  /** Takes this many bytes; whether there was room in the share and in the whole. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

export interface ByteBudget {
  share(mostBytes: number): ByteShare;
}

export function createByteBudget(totalBytes: number): ByteBudget {
  let taken = 0;
  return {
    share(mostBytes) {
      let mine = 0;
      return {
        take(bytes) {
          if (mine + bytes > mostBytes || taken + bytes > totalBytes) return false;
          mine += bytes;
          taken += bytes;
          return true;
        },
        give(bytes) {
          mine -= bytes;
          taken -= bytes;
        },
      };
    },
  };
}
