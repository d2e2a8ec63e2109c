import { CordonError } from '../errors.ts';

/** Bytes are apparent sizes (a hole counts), files are files and directories. */
export interface Amount {
  bytes: number;
  files: number;
}

/** A bound on an amount that several writers share. `used` includes what is reserved but not yet written. */
export interface Allowance {
  readonly used: Amount;
  readonly limit: Amount;
  /** The error of whoever would exceed it. */
  refuse(what: keyof Amount, limit: number, used: number): Error;
}

/** What one operation holds of its allowances. Synchronous: between check and count nothing else runs. */
export interface Charge {
  /** Holds this amount from now on. Errors: the allowance's own; then nothing changed. */
  reach(bytes: number, files: number): void;
  /** Turns what is held into what really happened (may be negative); the charge is over. */
  settle(bytes: number, files: number): void;
  /** Gives back what is held and not settled. */
  release(): void;
}

/** The agent's quota over its counted usage. */
export function quotaAllowance(used: Amount, quota: Amount): Allowance {
  return {
    used,
    limit: quota,
    refuse(what, limit, usedNow) {
      const name = what === 'bytes' ? 'workspaceBytes' : 'workspaceFiles';
      return new CordonError('quota_exceeded', `The agent's quota ${name} is used up: ${usedNow} of ${limit}`, {
        quota: { name, limit, used: usedNow },
      });
    },
  };
}

const dimensions = ['bytes', 'files'] as const;

/** Opens a charge against all allowances at once: it holds in all of them or in none. */
export function openCharge(allowances: readonly Allowance[]): Charge {
  const held: Amount = { bytes: 0, files: 0 };
  const move = (to: Amount) => {
    for (const what of dimensions) {
      for (const allowance of allowances) allowance.used[what] += to[what] - held[what];
      held[what] = to[what];
    }
  };
  return {
    reach(bytes, files) {
      const to = { bytes, files };
      for (const what of dimensions) {
        const growth = to[what] - held[what];
        if (growth <= 0) continue;
        for (const { used, limit, refuse } of allowances) {
          if (used[what] + growth > limit[what]) throw refuse(what, limit[what], used[what]);
        }
      }
      move(to);
    },
    settle(bytes, files) {
      move({ bytes, files });
      held.bytes = 0;
      held.files = 0;
    },
    release: () => move({ bytes: 0, files: 0 }),
  };
}
