/** The only ways out of an isolate: functions on its global, which the first script of ours takes and deletes. */
import type { Context } from 'isolated-vm';
import type { Ivm } from './isolated-vm.ts';
import type { Assets, GuestBridge } from './sandbox.ts';

/** Errors never cross: they would show host frames. */
export function openDoors(ivm: Ivm, context: Context, assets: Assets, bridge: () => GuestBridge | undefined): void {
  const { global } = context;
  const ask = async (json: string, bytes?: ArrayBuffer) => {
    bridge()?.crossed();
    const answer = await bridge()?.ask(json, bytes);
    if (answer?.bytes === undefined) return answer?.json;
    return new ivm.ExternalCopy({ json: answer.json, bytes: answer.bytes }).copyInto({ release: true });
  };
  const post = (json: string, bytes?: ArrayBuffer) => {
    bridge()?.crossed();
    bridge()?.post(json, bytes);
  };
  const give = (what: string, argument: unknown) => {
    bridge()?.crossed();
    if (what === 'asset') return assets.get(`lazy/${argument}.js`);
    return what === 'random' ? randomArrayBuffer(Number(argument)) : performance.now();
  };
  global.setSync('$post', new ivm.Callback(post, { ignored: true }));
  global.setSync('$ask', new ivm.Reference(ask));
  // One for all that is answered at once: each function costs a blank isolate its own.
  global.setSync('$give', new ivm.Callback(give));
}

/** Entropy for the guest, at most 64 KiB at a time, as `crypto.getRandomValues`. */
function randomArrayBuffer(length: number): ArrayBuffer {
  const bytes = new Uint8Array(Math.min(Math.max(0, Math.trunc(length)), 65_536));
  return crypto.getRandomValues(bytes).buffer;
}
