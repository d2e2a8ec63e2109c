/** Proves the first wall: a guest that tries to reach the worker's Node from inside its isolate. */
import type { Json } from '../../json.ts';
import type { Execution, GuestHost, Owner, Program } from '../driver.ts';
import { defaultLimits } from '../limits.ts';

const attempts = `
const found = [];
const look = (what, f) => { try { const v = f(); if (v) found.push(what + ': ' + String(v).slice(0, 100)); } catch {} };
const realm = (f) => f.constructor.constructor;
look('process.binding', () => process.binding || process.dlopen || process.mainModule);
look('process of a constructor', () => realm(console.log)('return typeof process !== "undefined" && (process.pid || process.binding)')());
look('host require', () => require('node:child_process'));
look('WebAssembly shared memory', () => new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer);
look('SharedArrayBuffer', () => SharedArrayBuffer);
look('plumbing', () => Object.getOwnPropertyNames(globalThis).filter((name) => name.startsWith('$')).join());
export default found;
`;

/** Runs the probe as an agent of its own, which no tenant can have. `detail` says what it tried, or what it reached. */
export async function probeIsolate(
  execute: (owner: Owner, program: Program, host: GuestHost) => Promise<Execution>,
): Promise<{ owner: Owner; stands: boolean; detail: string }> {
  const program: Program = {
    runId: 'run_probe',
    language: 'javascript',
    code: attempts,
    input: undefined,
    limits: { ...defaultLimits, cpuMs: 2000 },
  };
  const host: GuestHost = {
    output() {},
    waiting() {},
    call: async () => ({ ok: false, error: { name: 'Error', message: 'the probe has no host' } }),
  };
  const owner = { tenant: '', agent: 'probe' };
  const execution = await execute(owner, program, host);
  const timer = setTimeout(
    () => execution.stop({ status: 'timed_out', error: { name: 'Timeout', message: '', limit: 'wallMs' } }),
    5000,
  );
  const { outcome } = await execution.done;
  clearTimeout(timer);
  const reached: Json | undefined = outcome.status === 'succeeded' ? outcome.result : undefined;
  const stands = Array.isArray(reached) && reached.length === 0;
  const detail = stands
    ? 'a guest looked for process, require, shared memory and the plumbing, and found none'
    : `the probe ended ${outcome.status}: ${JSON.stringify(reached ?? ('error' in outcome ? outcome.error : null))}`;
  return { owner, stands, detail };
}
