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
  cpuMs: number;
  growth: number;
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

export function watchCounts(runs: Map<string, GuestRun>, events: CountEvents) {
  const watched = new Map<string, Watched>();
  let timer: NodeJS.Timeout | undefined;
  let resident = 0;

  function tick(): void {
    const now = peakResident();
    const grown = now - resident;
    resident = now;
    let allCpu = 0;
    const used: [GuestRun, Watched, number][] = [];
    for (const [id, entry] of watched) {
      const run = runs.get(id);
      if (!run) continue;
      const cpuMs = run.cpuMs();
      const spent = cpuMs - entry.cpuMs;
      entry.cpuMs = cpuMs;
      allCpu += spent;
      used.push([run, entry, spent]);
      noteIdle(id, entry, spent);
    }
    for (const [run, entry, spent] of used) {
      if (allCpu > 0) entry.growth = Math.max(0, entry.growth + (grown * spent) / allCpu);
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
      watched.set(run, { limits, cpuMs: 0, growth: 0, reported: 0, idleTicks: 0 });
      if (timer) return;
      resident = peakResident();
      timer = setInterval(tick, TICK_MS);
    },
    ended(run: string): void {
      watched.delete(run);
      if (watched.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    },
  };
}
