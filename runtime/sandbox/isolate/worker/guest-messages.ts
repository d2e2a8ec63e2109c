/** What a guest says to its worker, and what the worker may say for it: hostile texts, bounded as the protocol is. */
import { type Json, jsonDepth, maxJsonDepth, parseJson } from '../../../json.ts';
import type { HostReply } from '../../driver.ts';
import { jsonWeight, maxMarks } from '../../json-weight.ts';

/** What the protocol takes (protocol.ts, worker-client.ts): a guest must not make its worker break it. */
export const MAX_OP_CHARS = 64;
export const MAX_CALL_BYTES = 64 * 1024 * 1024;
/** Characters, of up to three bytes. */
export const MAX_MESSAGE_CHARS = 24 * 1024 * 1024;

type Message =
  | { t: 'out'; stream: 'stdout' | 'stderr'; text: string }
  | { t: 'display'; mime: string; data: string }
  | { t: 'call'; id: number; op: string; args: Json }
  | { t: 'timer'; id: number; ms: number }
  | { t: 'clear'; id: number }
  | { t: 'end'; end: Json };

export const refused = (message: string, code = 'EINVAL'): HostReply => ({
  ok: false,
  error: { name: 'TypeError', message, code },
});

export const tooLargeEnd = JSON.stringify({
  status: 'limit_exceeded',
  error: { name: 'LimitExceeded', message: 'The result is larger than resultBytes', limit: 'resultBytes' },
});

/** A sandbox that stopped without an end of its own. */
export const brokenEnd = (error: unknown): string => {
  const { name, message } = plainError(error);
  return JSON.stringify({
    status: 'failed',
    error: { name: 'SystemError', message: `The interpreter broke: ${name}: ${message}` },
  });
};

/** Undefined for what the prelude would never send: the guest reached the door by itself. */
export function readMessage(json: string): Message | undefined {
  if (typeof json !== 'string' || jsonDepth(json) > maxJsonDepth) return undefined;
  try {
    const message: unknown = parseJson(json);
    return typeof message === 'object' && message !== null ? (message as Message) : undefined;
  } catch {
    return undefined;
  }
}

/** Arguments that the host would not read, and end this worker for: it cannot know that a guest is to blame. */
export const isTooMuch = (json: string): boolean =>
  json.length > MAX_MESSAGE_CHARS || (json.length > maxMarks && jsonWeight(Buffer.from(json)).isTooMuch);

/** Whose promise waits for an answer to this message, which is not read: as the prelude writes it. */
export function callId(json: string): number | undefined {
  const id = /^\{"t":"call","id":(\d{1,15}),/.exec(String(json).slice(0, 64))?.[1];
  return id === undefined ? undefined : Number(id);
}

export const refusedArguments = refused('the arguments are nested too deeply, or too large', 'ERR_INVALID_ARG_VALUE');

/** isolated-vm copied what was thrown: plain data, hostile names and texts. */
export function plainError(error: unknown): { name: string; message: string; stack: string } {
  if (typeof error !== 'object' || error === null) {
    const message = `A promise was rejected with ${String(error)}, and nothing handled it`;
    return { name: 'UnhandledRejection', message, stack: '' };
  }
  const { name, message, stack } = error as Record<string, unknown>;
  return { name: String(name ?? 'Error'), message: String(message ?? ''), stack: String(stack ?? '') };
}

export function arrayBufferOf(bytes: Buffer): ArrayBuffer {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
}
