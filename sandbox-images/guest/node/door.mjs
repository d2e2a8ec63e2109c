// Calls to Cordon that the guest awaits. The connection keeps the program alive only while a call is pending.
import { frameReader } from '../../../runtime/sandbox/frames.ts';
import { connectDoor, frameOf } from './frames.mjs';
import { internals } from './internals.mjs';
import { settleOwnOutput } from './output.mjs';

const { stringify, own, hasOwn, hide, limitOfError, SafeError } = internals.primordials;
const largestReply = 256 * 1024 * 1024;
const pending = new Map();
let socket;
let asked = 0;

/** Answers a promise of {value}; rejects with the host's error, which has the stack of the asking line. */
export function call(op, args) {
  const failure = new SafeError('');
  settleOwnOutput();
  return new Promise((resolve, reject) => {
    socket ??= open();
    if (pending.size === 0) socket.ref();
    const id = ++asked;
    pending.set(id, { resolve, reject, failure });
    socket.write(frameOf(`{"t":"call","id":${id},"op":${stringify(op)},"args":${stringify(args)}}`));
  });
}

function open() {
  const opened = connectDoor();
  const read = frameReader(largestReply, settle);
  opened.on('data', (chunk) => {
    try {
      read(chunk);
    } catch (error) {
      opened.destroy(error);
    }
  });
  opened.on('error', () => {});
  opened.on('close', () => {
    if (socket === opened) socket = undefined;
    for (const { reject, failure } of pending.values())
      reject(hostError({ __proto__: null, message: 'Cordon has closed the connection' }, failure));
    pending.clear();
  });
  return opened;
}

function settle(message) {
  const waiting = pending.get(message.id);
  if (waiting === undefined) return;
  pending.delete(message.id);
  if (pending.size === 0) socket.unref();
  const reply = own(message, 'reply');
  if (own(reply, 'ok')) waiting.resolve({ __proto__: null, value: own(reply, 'value') });
  else waiting.reject(hostError(own(reply, 'error'), waiting.failure));
}

/** `error` with the host's name, message and code, and in secret the limit that it stands for. */
export function hostError(description, error = new SafeError('')) {
  hide(error, 'message', own(description, 'message'));
  const name = own(description, 'name');
  if (name !== undefined && name !== 'Error') hide(error, 'name', name);
  if (hasOwn(description, 'code')) error.code = description.code;
  if (hasOwn(description, 'limit')) limitOfError.set(error, description.limit);
  return error;
}
