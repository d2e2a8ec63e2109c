/**
 * Watches what the isolates' own limits do not end: CPU time, and memory that V8 does not count (WebAssembly, host copies),
 * by this process's peak resident size, whose growth is charged to the runs that used the CPU meanwhile.
 */
import type { Limits } from '../../limits.ts';
import type { GuestRun } from './guest-run.ts';

const TICK_MS = 10;
/** V8's own freedom above a run's limit before its growth counts as memory that V8 did not count. */
const SLACK = 1.5;
const SLACK_BYTES = 64 * 1024 * 1024;
const REPORT_BYTES = 16 * 1024 * 1024;

/** Ticks without any CPU time after which a run counts as waiting. */
const IDLE_TICKS = 5;

interface Watched {
  limits: Limits;
  /** The isolate's own clock at the last look: it also runs while its thread waits for a core. */
  clockMs: number;
  /** CPU time charged: the process's, shared out by those clocks. */
  cpuMs: number;
  growth: number;
  peakGrowth: number;
  reported: number;
  idleTicks: number;
}

export interface CountEvents {
  /** Memory that the process grew by while this run used the CPU, when it changed by much. */
  onGrowth(run: string, bytes: number): void;
  /** The run uses no CPU (a timer, a host call), or works again. */
  onWaiting(run: string, waiting: boolean): void;
}

/** The kernel's own count in bytes; the present size would need /proc, which the jail does not have. */
const peakResident = () => process.resourceUsage().maxRSS * 1024;

/** CPU time of this process and all its threads, in milliseconds. */
function processCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** `steady` false: the process grows for its own sake, and no run that goes on beside it is charged. */
export function watchCounts(runs: Map<string, GuestRun>, events: CountEvents, steady: () => boolean) {
  const watched = new Map<string, Watched>();
  let timer: NodeJS.Timeout | undefined;
  /** Undefined until the first tick: most runs are over before, and asking the kernel costs more than they do. */
  let resident: number | undefined;
  let cpuSeen: number | undefined;

  /** Charges what was used since the last look to the runs that had a thread in their isolate meanwhile. */
  function charge(): { run: GuestRun; entry: Watched; spentMs: number; share: number }[] {
    const cpuNow = processCpuMs();
    const used = cpuNow - (cpuSeen ?? Number.NEGATIVE_INFINITY);
    cpuSeen = cpuNow;
    const looks = [...watched].flatMap(([id, entry]) => {
      const run = runs.get(id);
      if (!run) return [];
      const spentMs = run.clockMs() - entry.clockMs;
      entry.clockMs += spentMs;
      return [{ run, entry, spentMs, share: 0 }];
    });
    const all = looks.reduce((sum, { spentMs }) => sum + spentMs, 0);
    for (const look of looks) {
      look.share = all > 0 ? look.spentMs / all : 0;
      look.entry.cpuMs += look.share === 0 ? 0 : Math.min(look.spentMs, used * look.share);
    }
    return looks;
  }

  function tick(): void {
    const now = peakResident();
    const grown = steady() ? now - (resident ?? now) : 0;
    resident = now;
    for (const { run, entry, spentMs, share } of charge()) {
      entry.growth += grown * share;
      entry.peakGrowth = Math.max(entry.peakGrowth, entry.growth);
      noteIdle(run.id, entry, spentMs);
      if (Math.abs(entry.growth - entry.reported) > REPORT_BYTES) {
        entry.reported = entry.growth;
        events.onGrowth(run.id, Math.round(entry.growth));
      }
      if (run.lost) run.stop('ramBytes');
      else if (entry.cpuMs > entry.limits.cpuMs) run.stop('cpuMs');
      else if (entry.growth > entry.limits.ramBytes * SLACK + SLACK_BYTES) run.stop('ramBytes');
    }
  }

  function noteIdle(id: string, entry: Watched, spentMs: number): void {
    if (spentMs === 0) {
      if (++entry.idleTicks === IDLE_TICKS) events.onWaiting(id, true);
      return;
    }
    if (entry.idleTicks >= IDLE_TICKS) events.onWaiting(id, false);
    entry.idleTicks = 0;
  }

  return {
    started(run: string, limits: Limits): void {
      watched.set(run, { limits, clockMs: 0, cpuMs: 0, growth: 0, peakGrowth: 0, reported: 0, idleTicks: 0 });
      timer ??= setInterval(tick, TICK_MS);
    },
    /** What the run has used up to now: CPU time in milliseconds, and the most memory it made the process grow by. */
    used(run: string): { cpuMs: number; growthBytes: number } {
      const entry = watched.get(run);
      if (cpuSeen === undefined) return { cpuMs: runs.get(run)?.clockMs() ?? 0, growthBytes: 0 };
      charge();
      return { cpuMs: entry?.cpuMs ?? 0, growthBytes: Math.round(entry?.peakGrowth ?? 0) };
    },
    ended(run: string): void {
      watched.delete(run);
      if (watched.size > 0) return;
      clearInterval(timer);
      timer = resident = cpuSeen = undefined;
    },
  };
}
