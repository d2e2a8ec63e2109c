// The only way out of the isolate: the functions that the worker left on the global, taken and deleted here.
import {
  apply,
  hasOwn,
  hide,
  limitOfError,
  mapDelete,
  mapForEach,
  mapGet,
  mapSet,
  own,
  parse,
  SafeError,
  SafeMap,
  SafePromise,
  stringify,
} from './primordials.js';

const hostPost = globalThis.$post;
const hostAsk = globalThis.$ask;
const hostApply = hostAsk.applySyncPromise;
const hostGive = globalThis.$give;
delete globalThis.$post;
delete globalThis.$ask;
delete globalThis.$give;

/** The text of a bundle. */
export const hostAsset = (name) => hostGive('asset', name);
/** Milliseconds; only differences mean something. */
export const hostNow = () => hostGive('now');
/** When the run began, as hostNow says it. */
export const clock = { __proto__: null, startedAt: 0 };
/** That many random bytes, at most 65,536, as an ArrayBuffer. */
export const hostRandom = (length) => hostGive('random', length);

// Without a prototype, so that nothing polluted can turn a copy into a Reference.
const askOptions = { __proto__: null, arguments: { __proto__: null, copy: true } };

/** What the run waits for, besides its top level. */
export const pending = { __proto__: null, calls: 0, timers: 0, ended: false, onIdle: undefined };

// A flood of messages would pile up in the worker: after this much, wait until it has read them.
const barrierBytes = 1 << 20;
const barrierMessages = 1000;
let unreadBytes = 0;
let unreadMessages = 0;

/** Sends one message, JSON text, to the worker. Nothing leaves after the run has ended. */
export function post(json, bytes) {
  if (pending.ended) return;
  if (bytes === undefined) hostPost(json);
  else hostPost(json, bytes);
  unreadBytes += json.length;
  if (++unreadMessages >= barrierMessages || unreadBytes >= barrierBytes) {
    unreadBytes = 0;
    unreadMessages = 0;
    hostNow();
  }
}

/** Sends the end itself, for process.exit: nothing may run after it, not even the rest of this task. */
export function postEnd(json) {
  hostPost(`{"t":"end","end":${json}}`);
  pending.ended = true;
  wait('{"op":"exit","args":{}}', undefined);
}

/** The worker's answer: JSON text, or a copy of {json, bytes}. An error of isolated-vm itself stays here. */
function wait(json, bytes) {
  try {
    return apply(hostApply, hostAsk, [undefined, [json, bytes], askOptions]);
  } catch {
    throw new SafeError('The host did not answer');
  }
}

function request(op, args) {
  return `"op":${stringify(op)},"args":${stringify(args)}}`;
}

/**
 * Asks the worker and waits, blocking the guest. `args` has no prototype. Answers {value, bytes}.
 * Throws the host's error, rebuilt: name, message, code, and in secret the limit it stands for.
 */
export function ask(op, args, bytes) {
  if (pending.ended) throw new SafeError('The run has ended');
  unreadBytes = 0;
  unreadMessages = 0;
  const answer = wait(`{${request(op, args)}`, bytes);
  const plain = typeof answer === 'string';
  const reply = parse(plain ? answer : own(answer, 'json'));
  if (!own(reply, 'ok')) throw hostError(own(reply, 'error'));
  return { __proto__: null, value: own(reply, 'value'), bytes: plain ? undefined : own(answer, 'bytes') };
}

const calls = new SafeMap();
let nextCall = 1;

/** Asks the worker without waiting. Answers a promise of {value, bytes}; the run stays alive until it has settled. */
export function call(op, args, bytes) {
  if (pending.ended) throw new SafeError('The run has ended');
  const id = nextCall++;
  const promise = new SafePromise((resolve, reject) => {
    mapSet(calls, id, { __proto__: null, resolve, reject });
  });
  pending.calls++;
  post(`{"t":"call","id":${id},${request(op, args)}`, bytes);
  return promise;
}

/** The worker's answer to a call. */
export function settleCall(message, bytes) {
  const waiting = mapGet(calls, message.id);
  if (waiting === undefined) return;
  mapDelete(calls, message.id);
  pending.calls--;
  if (own(message, 'ok')) waiting.resolve({ __proto__: null, value: own(message, 'value'), bytes });
  else waiting.reject(hostError(own(message, 'error')));
}

/** Errors that the host gave lately, by message: an unhandled one comes back from isolated-vm without name and limit. */
export const hostErrors = new SafeMap();
const mostHostErrors = 200;
let hostErrorCount = 0;

/** An Error of the guest's own realm with the host's name, message, code and limit. */
export function hostError(description) {
  const error = new SafeError(own(description, 'message'));
  const name = own(description, 'name');
  if (name !== undefined && name !== 'Error') hide(error, 'name', name);
  if (hasOwn(description, 'code')) error.code = description.code;
  if (hasOwn(description, 'limit')) limitOfError.set(error, description.limit);
  if (++hostErrorCount % mostHostErrors === 0) mapForEach(hostErrors, (_, key) => mapDelete(hostErrors, key));
  mapSet(hostErrors, error.message, error);
  return error;
}
