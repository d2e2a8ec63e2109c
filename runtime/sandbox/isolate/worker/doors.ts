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
  const counted =
    <A, R>(answer: (given: A) => R) =>
    (given: A) => {
      bridge()?.crossed();
      return answer(given);
    };
  global.setSync('$post', new ivm.Callback(post, { ignored: true }));
  global.setSync('$ask', new ivm.Reference(ask));
  global.setSync('$asset', new ivm.Callback(counted((name: string) => assets.get(`lazy/${name}.js`))));
  global.setSync('$now', new ivm.Callback(counted(() => performance.now())));
  global.setSync('$random', new ivm.Callback(counted(randomArrayBuffer)));
}

/** Entropy for the guest, at most 64 KiB at a time, as `crypto.getRandomValues`. */
function randomArrayBuffer(length: number): ArrayBuffer {
  const bytes = new Uint8Array(Math.min(Math.max(0, Math.trunc(length)), 65_536));
  return crypto.getRandomValues(bytes).buffer;
}
