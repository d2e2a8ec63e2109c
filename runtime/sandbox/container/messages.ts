/** Messages between Cordon and a container, over its door. What comes out of a container is hostile: parsed strictly. */
import type { HostReply, Language } from '../driver.ts';
import { checkKeys, cut, ProtocolError } from '../guest-end.ts';
import type { Limits } from '../limits.ts';
import { z } from '../strict.ts';

/** Of supervisor and service; an image with another one is not used. */
export const protocolVersion = 2;

export type ServiceMessage =
  | {
      t: 'start';
      run: string;
      language: Language;
      code: string;
      /** JSON text; absent when the run has no input. */
      input?: string;
      limits: Limits;
      /** The workspace lies in the container: the supervisor fetches it before and brings it back afterwards. */
      carry: boolean;
      /** PEM of the CA that the run's programs trust for what they call; absent when the run may call nothing. */
      caPem?: string;
    }
  | { t: 'stop' }
  /** The bytes of the reply are the bytes of the frame. */
  | { t: 'reply'; id: number; reply: HostReply };

const id = z.number().int().nonnegative();
const call = z.strictObject({ t: z.literal('call'), id, op: z.string().max(64), args: z.unknown() });

const controlMessage = z.discriminatedUnion('t', [
  z.strictObject({ t: z.literal('hello'), version: z.literal(protocolVersion) }),
  z.strictObject({ t: z.literal('output'), stream: z.enum(['stdout', 'stderr']) }),
  z.strictObject({
    t: z.literal('ended'),
    exitCode: z.number().int().min(0).max(255).optional(),
    signal: z.number().int().min(1).max(64).optional(),
    /** What there is no room for: bytes or files in the workspace, or /tmp. */
    full: z.enum(['workspaceBytes', 'files', 'tmp']).optional(),
  }),
  call,
]);
export type ControlMessage = z.infer<typeof controlMessage>;
export type EndedMessage = Extract<ControlMessage, { t: 'ended' }>;
export type CallMessage = z.infer<typeof call>;

const guestMessage = z.discriminatedUnion('t', [
  call,
  z.strictObject({ t: z.literal('display'), id, mime: cut(256), data: z.string() }),
  z.strictObject({ t: z.literal('end'), id, end: z.string() }),
]);
export type GuestMessage = z.infer<typeof guestMessage>;

function parsed<T>(schema: z.ZodType<T>, header: object): T {
  checkKeys(header);
  const result = schema.safeParse(header);
  if (!result.success) throw new ProtocolError(`a message is not of the protocol: ${result.error.issues[0]?.message}`);
  return result.data;
}

/** Errors: ProtocolError. */
export const parseControlMessage = (header: object): ControlMessage => parsed(controlMessage, header);
/** Errors: ProtocolError. */
export const parseGuestMessage = (header: object): GuestMessage => parsed(guestMessage, header);
