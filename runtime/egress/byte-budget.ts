/** Memory that requests of all runs may take at once: bodies are held whole while they are judged, approved and sent. */

/** One run's part of it. */
export interface ByteShare {
  /** Takes this many bytes; whether there was room in the share, the tenant's part and the whole. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

export interface ByteBudget {
  /** A tenant takes at most half of what the others leave: however many fill theirs, there is room for the next one. */
  share(tenant: string, mostBytes: number): ByteShare;
}

export function createByteBudget(totalBytes: number): ByteBudget {
  const ofTenants = new Map<string, number>();
  let taken = 0;

  function move(tenant: string, bytes: number): void {
    taken += bytes;
    const now = (ofTenants.get(tenant) ?? 0) + bytes;
    if (now === 0) ofTenants.delete(tenant);
    else ofTenants.set(tenant, now);
  }

  return {
    share(tenant, mostBytes) {
      let mine = 0;
      return {
        take(bytes) {
          const tenants = ofTenants.get(tenant) ?? 0;
          const left = totalBytes - (taken - tenants);
          if (bytes > 0 && (mine + bytes > mostBytes || tenants + bytes > left / 2)) return false;
          mine += bytes;
          move(tenant, bytes);
          return true;
        },
        give(bytes) {
          mine -= bytes;
          move(tenant, -bytes);
        },
      };
    },
  };
}
