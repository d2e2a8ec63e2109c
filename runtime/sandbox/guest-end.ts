/** How guest code says that it ended, in every kind of sandbox. Hostile: parsed strictly. */
import { type Json, jsonDepth, maxJsonDepth, parseJson } from '../json.ts';
import { z } from './strict.ts';

const text = z.string();

/** What reports the end bounds it; should a guest get around that, the text is cut. */
export const cut = (length: number) => text.transform((long) => long.slice(0, length));

const guestError = z.strictObject({
  name: cut(1024),
  message: cut(256 * 1024),
  stack: cut(256 * 1024).optional(),
  limit: z
    .enum([
      'cpuMs',
      'ramBytes',
      'workspaceBytes',
      'files',
      'hostCalls',
      'egressRequests',
      'egressBytes',
      'resultBytes',
      'processes',
    ])
    .optional(),
});

const exitCode = z.number().int().min(0).max(255).optional();

const guestEnd = z.discriminatedUnion('status', [
  z.strictObject({ status: z.literal('succeeded'), resultType: cut(256).optional(), exitCode }),
  z.strictObject({
    status: z.literal('failed'),
    error: guestError,
    exitCode,
  }),
  z.strictObject({ status: z.literal('limit_exceeded'), error: guestError.required({ limit: true }) }),
]);
export type GuestEnd = z.infer<typeof guestEnd> & { result?: Json };

export class ProtocolError extends Error {}

/** Before a strict schema: it would list all that it does not know, in a text. */
export function checkKeys(message: object): void {
  if (Object.keys(message).length > MOST_KEYS) throw new ProtocolError('a message has too many keys');
}
const MOST_KEYS = 32;

/** Errors: ProtocolError. The result is JSON because it was parsed as such: its shape needs no second walk. */
export function parseGuestEnd(json: string): GuestEnd {
  if (jsonDepth(json) > maxJsonDepth) throw new ProtocolError('the end of a run is nested too deeply');
  let value: unknown;
  try {
    value = parseJson(json);
  } catch {
    throw new ProtocolError('the end of a run is not JSON');
  }
  const { result, ...rest } = (typeof value === 'object' && value !== null ? value : {}) as { result?: Json };
  checkKeys(rest);
  const parsed = guestEnd.safeParse(rest);
  if (!parsed.success)
    throw new ProtocolError(`the end of a run is not of the protocol: ${parsed.error.issues[0]?.message}`);
  return result === undefined ? parsed.data : { ...parsed.data, result };
}
