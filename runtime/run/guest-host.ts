/** The one door of a guest: every question it asks passes here, counted, checked and answered. */
import type { GuestHost, HostCall, HostReply } from '../sandbox/driver.ts';
import { failedCall } from '../sandbox/guest-frames.ts';
import type { GuestEgress } from './guest-egress.ts';
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
  egress: GuestEgress;
  packages: Packages;
  waiting: (isWaiting: boolean) => void;
  /** Of a container. */
  proxy?: GuestHost['egress'];
}

/** Above them a display is refused with a note on stderr. */
const MAX_DISPLAYS = 1000;
/** Of all displays as JSON, whatever `outputBytes` is: a record is one JSON text, and V8's longest string is 512 Mi characters. */
const MAX_DISPLAY_CHARS = 32 * 1024 * 1024;

export function createGuestHost({
  live,
  files,
  memory,
  egress,
  packages,
  waiting,
  proxy,
}: GuestHostDeps): RunGuestHost {
  const { limits } = live.record;
  const output = createRunOutput(limits.outputBytes, live.events.output);
  const displays: Display[] = [];
  const displayChars = Math.min(limits.outputBytes * 8, MAX_DISPLAY_CHARS);
  let shownChars = 0;
  let hostCalls = 0;

  function display(mime: string, data: string): void {
    // As it lies in the record: there a control character takes six.
    const chars = JSON.stringify(data).length + mime.length;
    if (shownChars + chars > displayChars || displays.length >= MAX_DISPLAYS) {
      const why = `displays share ${displayChars} characters as JSON, 8 x outputBytes at most`;
      return output.write('stderr', `[display of ${data.length} characters dropped: ${why}]\n`);
    }
    shownChars += chars;
    displays.push({ mime, data });
    live.events.append('display', { mime, data });
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
    // Each piece of a body is one call.
    if (call.op === 'fetch' || call.op.startsWith('fetch.')) return egress.call(call);
    return { ok: false, error: { name: 'TypeError', message: 'no such host call' } };
  }

  return {
    shown: output,
    displays,
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
        return failedCall;
      }
    },
    waiting,
    ...(proxy
      ? {
          egress: {
            ...proxy,
            onConnection(socket) {
              live.hurry();
              live.durable.then(
                () => proxy.onConnection(socket),
                () => socket.destroy(),
              );
            },
          },
        }
      : {}),
  };
}
