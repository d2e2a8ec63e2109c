/** The one door of a guest: every question it asks passes here, counted, checked and answered. */
import type { GuestHost, HostCall, HostReply } from '../sandbox/driver.ts';
import type { GuestFiles } from './guest-files.ts';
import type { GuestMemory } from './guest-memory.ts';
import type { JsPackages } from './js-packages.ts';
import type { LiveRun } from './live-run.ts';
import type { PythonPackages } from './python-packages.ts';
import type { Display } from './record.ts';
import { createRunOutput, type RunOutput } from './run-output.ts';

export interface RunGuestHost extends GuestHost {
  readonly shown: RunOutput;
  readonly displays: Display[];
  readonly egressRequests: number;
}

/** What the operator placed for guests to import. */
export interface Packages {
  javascript: JsPackages;
  python: PythonPackages;
}

export interface GuestHostDeps {
  live: LiveRun;
  files: GuestFiles;
  memory: GuestMemory;
  packages: Packages;
  waiting: (isWaiting: boolean) => void;
}

/** Display data counts as output: a picture of this size is refused with a note on stderr. */
const MAX_DISPLAYS = 1000;

export function createGuestHost({ live, files, memory, packages, waiting }: GuestHostDeps): RunGuestHost {
  const { limits } = live.record;
  const output = createRunOutput(limits.outputBytes, (type, text) => void live.events.append(type, { text }));
  const displays: Display[] = [];
  let displayBytes = 0;
  let hostCalls = 0;
  let egressRequests = 0;

  function display(mime: string, data: string): void {
    displayBytes += data.length;
    if (displayBytes > limits.outputBytes * 8 || displays.length >= MAX_DISPLAYS)
      return output.write('stderr', `[display of ${data.length} characters dropped: displays share 8 x outputBytes]\n`);
    displays.push({ mime, data });
    live.events.append('display', { mime, data });
  }

  /** No connector exists yet, so the policy refuses every address. */
  function refuseEgress(args: unknown): HostReply {
    egressRequests++;
    const { url, method } = (args ?? {}) as { url?: unknown; method?: unknown };
    const target = hostOf(url);
    live.events.append('egress_call', { method: String(method ?? 'GET').slice(0, 20), host: target, allowed: false });
    const message = `fetch to ${target} is refused: the egress policy of this agent allows no host (no grant exists)`;
    return { ok: false, error: { name: 'EgressDenied', message, code: 'EGRESS_DENIED' } };
  }

  async function answer(call: HostCall): Promise<HostReply> {
    if (call.op === 'module.package') return packages.javascript.load(call.args);
    if (call.op.startsWith('module.python')) return packages.python.call(call);
    if (++hostCalls > limits.hostCalls) {
      const message = `hostCalls is used up (${limits.hostCalls})`;
      return { ok: false, error: { name: 'QuotaExceeded', message, code: 'EDQUOT', limit: 'hostCalls' } };
    }
    if (call.op.startsWith('fs.')) return files.call(call);
    if (call.op.startsWith('memory.')) return memory.call(call);
    if (call.op === 'fetch') return refuseEgress(call.args);
    return { ok: false, error: { name: 'TypeError', message: 'no such host call' } };
  }

  return {
    shown: output,
    displays,
    get egressRequests() {
      return egressRequests;
    },
    output(given) {
      if (given.type === 'display') display(given.mime, given.data);
      else if (given.type === 'log') live.events.append('log', { level: given.level, message: given.message });
      else output.write(given.type, given.text);
    },
    async call(call) {
      try {
        live.hurry();
        await live.durable;
        return await answer(call);
      } catch {
        return { ok: false, error: { name: 'Error', message: 'Cordon could not answer this call', code: 'EIO' } };
      }
    },
    waiting,
  };
}

function hostOf(url: unknown): string {
  try {
    return new URL(String(url)).host.slice(0, 255);
  } catch {
    return 'an invalid address';
  }
}
