/** Messages between host and worker. What a worker sends is hostile: parsed strictly, any deviation costs it its life. */
import type { HostReply, Language } from '../driver.ts';
import { checkKeys, cut, ProtocolError } from '../guest-end.ts';
import type { Limits } from '../limits.ts';
import { z } from '../strict.ts';

export interface StartMessage {
  t: 'start';
  run: string;
  language: Language;
  code: string;
  /** JSON text; absent when the run has no input. */
  input?: string;
  limits: Limits;
}

export type HostMessage =
  | StartMessage
  /** The bytes of the reply are the bytes of the frame. */
  | { t: 'reply'; run: string; id: number; reply: HostReply }
  | { t: 'stop'; run: string };

const run = z.string().max(64);
const count = z.number().int().nonnegative();
const text = z.string();
/** Milliseconds, some days at most: sums for the whole service are made of it. */
const cpuMs = z.number().nonnegative().max(1e9);

const workerMessage = z.discriminatedUnion('t', [
  z.strictObject({ t: z.literal('ready') }),
  z.strictObject({
    t: z.literal('output'),
    run,
    items: z.array(z.tuple([z.enum(['stdout', 'stderr']), text])).max(10_000),
  }),
  z.strictObject({ t: z.literal('display'), run, mime: cut(256), data: text }),
  z.strictObject({ t: z.literal('call'), run, id: count, op: text.max(64), args: z.unknown() }),
  z.strictObject({ t: z.literal('waiting'), run, waiting: z.boolean() }),
  z.strictObject({ t: z.literal('growth'), run, bytes: z.number() }),
  /** It ends the run at a limit, but V8 has not let go of it yet. */
  z.strictObject({ t: z.literal('ending'), run, end: text, cpuMs }),
  z.strictObject({
    t: z.literal('ended'),
    run,
    /** JSON text of a GuestEnd; `stopped`: the isolate was disposed because the host said so. */
    end: text.optional(),
    stopped: z.boolean().optional(),
    cpuMs,
    ramPeakBytes: count,
    /** The worker is to be replaced once its other runs have ended. */
    unclean: z.boolean(),
  }),
]);
export type WorkerMessage = z.infer<typeof workerMessage>;

/** Errors: ProtocolError. */
export function parseWorkerMessage(header: object): WorkerMessage {
  checkKeys(header);
  const parsed = workerMessage.safeParse(header);
  if (!parsed.success)
    throw new ProtocolError(`worker sent a message that is not of the protocol: ${parsed.error.issues[0]?.message}`);
  return parsed.data;
}
