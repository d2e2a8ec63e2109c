/**
 * Cordon's side of one container's socket. The first connection is the supervisor's, made while the container is blank;
 * all later ones are the guest's: programs, modules and the `cordon` command ask through them, for this run alone.
 */
import type { Socket } from 'node:net';
import type { GuestHost, HostReply } from '../driver.ts';
import { callsAtOnce, encodeFrame } from '../frames.ts';
import { ProtocolError } from '../guest-end.ts';
import { failedCall, guestFrameReader, mayWeigh, refusedCall } from '../guest-frames.ts';
import type { LimitName } from '../limits.ts';
import { createThrottle } from '../throttle.ts';
import {
  type CallMessage,
  type ControlMessage,
  type EndedMessage,
  type GuestMessage,
  parseControlMessage,
  parseGuestMessage,
  type ServiceMessage,
} from './messages.ts';

/** What the supervisor and the guest tell of their run. */
export interface DoorEvents {
  output(stream: 'stdout' | 'stderr', bytes: Uint8Array): void;
  /** JSON text of how the program says that it ended; the last one counts. */
  end(json: string): void;
  ended(message: EndedMessage): void;
  /** A file that the supervisor brought back was refused for this limit. */
  notKept(limit: LimitName): void;
}

export interface Door {
  /** For each new connection of the container's socket. */
  readonly onConnection: (socket: Socket) => void;
  /** Resolves when the supervisor said that it is ready. Rejects when its connection broke before. */
  readonly ready: Promise<void>;
  /** Resolves, with why, when the supervisor's connection is over. */
  readonly lost: Promise<string>;
  /** Call once: from now on the guest is heard. */
  start(message: Extract<ServiceMessage, { t: 'start' }>, host: GuestHost, events: DoorEvents): void;
  /** Asks the supervisor to end the guest. */
  stop(): void;
  /** Hears nothing any more. */
  close(): void;
}

/** A frame holds a result, a display or a piece of a file, with room to spare. */
const MAX_FRAME_BYTES = 48 * 1024 * 1024;
/** Unfinished frames of all connections of a container: our memory is not its store. */
const MAX_UNFINISHED_BYTES = 64 * 1024 * 1024;
/** Answers that it does not take. */
const MAX_UNREAD_BYTES = 64 * 1024 * 1024;
const MAX_CONNECTIONS = 128;
/** In 50 ms. */
const PACE = { frames: 1000, cost: 32 * 1024 * 1024 };

export function createDoor(): Door {
  const ready = Promise.withResolvers<void>();
  const lost = Promise.withResolvers<string>();
  ready.promise.catch(() => {});
  const throttle = createThrottle(PACE);
  const connections = new Set<Socket>();
  let control: Socket | undefined;
  let run: { host: GuestHost; events: DoorEvents } | undefined;
  let isClosed = false;
  let isReady = false;
  let unfinished = 0;
  const asked: (() => Promise<void>)[] = [];
  let answering = 0;
  /** Under way or waiting. */
  let supervisorCalls = 0;

  /** Reads frames of one connection; what breaks the protocol costs it the connection. */
  function listen(
    socket: Socket,
    receive: (header: object, bytes: Buffer | undefined, weight: number) => void,
    over: (why: string) => void,
  ) {
    connections.add(socket);
    // The supervisor is heard while calls wait: it tells how the run goes on, and makes one call at a time.
    throttle.add(socket, socket !== control);
    let mine = 0;
    let offence = '';
    const feed = guestFrameReader(MAX_FRAME_BYTES, {
      onFrame(header, bytes, weight) {
        throttle.count(weight);
        if (!isClosed) receive(header, bytes, weight);
      },
      onRefused(id, weight) {
        if (!run) throw new ProtocolError('nothing runs');
        throttle.count(weight);
        send(socket, { t: 'reply', id, reply: refusedCall });
      },
    });
    socket.on('data', (chunk: Buffer) => {
      if (isClosed || offence !== '') return;
      try {
        throttle.count(chunk.length);
        if (unfinished + chunk.length > MAX_UNFINISHED_BYTES)
          throw new ProtocolError('unfinished messages are too large');
        const kept = feed(chunk);
        unfinished += kept - mine;
        mine = kept;
      } catch (error) {
        offence = (error as Error).message;
        // At once, not when it has closed: the others are not to end for what is given up.
        unfinished -= mine;
        mine = 0;
        socket.destroy();
      }
    });
    socket.on('error', () => {});
    socket.once('close', () => {
      unfinished -= mine;
      connections.delete(socket);
      over(offence || 'the connection ended');
    });
  }

  function send(
    socket: Socket,
    message: ServiceMessage | { t: 'reply'; id: number; reply: HostReply },
    bytes?: Uint8Array,
  ) {
    if (isClosed || socket.destroyed) return;
    socket.write(encodeFrame(message, bytes));
    if (socket.writableLength > MAX_UNREAD_BYTES) socket.destroy();
  }

  /** Some at once; while more wait, nothing further of the guest is read: it stays in the container's sockets. */
  function answer(socket: Socket, call: CallMessage, bytes: Buffer | undefined, weight: number): void {
    if (socket !== control && !mayWeigh(call.op, weight))
      return send(socket, { t: 'reply', id: call.id, reply: refusedCall });
    asked.push(() => reply(socket, call, bytes));
    next();
    if (asked.length > 0) throttle.hold(true);
  }

  function next(): void {
    for (; answering < callsAtOnce && asked.length > 0; answering++) {
      const one = asked.shift() as () => Promise<void>;
      void one().then(() => {
        answering--;
        next();
        if (asked.length === 0) throttle.hold(false);
      });
    }
  }

  /** Never rejects: nobody would handle it, and that would end the service. */
  async function reply(socket: Socket, { id, op, args }: CallMessage, bytes: Buffer | undefined): Promise<void> {
    if (isClosed || !run) return;
    try {
      const given = await run.host.call({ op, args: args as never, ...(bytes ? { bytes } : {}) });
      if (socket === control && !given.ok && given.error.limit !== undefined) run.events.notKept(given.error.limit);
      const { bytes: replyBytes, ...plain } = given as HostReply & { bytes?: Uint8Array };
      send(socket, { t: 'reply', id, reply: plain as HostReply }, replyBytes);
    } catch {
      // What was said of the value, by a guest or through the API, may be more than can be encoded.
      send(socket, { t: 'reply', id, reply: failedCall });
    }
    if (socket === control) supervisorCalls--;
  }

  function controlled(socket: Socket, message: ControlMessage, bytes: Buffer | undefined, weight: number): void {
    if (message.t === 'hello') {
      if (isReady) throw new ProtocolError('the supervisor said twice that it is ready');
      isReady = true;
      return ready.resolve();
    }
    if (!isReady || !run) throw new ProtocolError('the supervisor spoke before its run');
    if (message.t === 'output') run.events.output(message.stream, bytes ?? new Uint8Array());
    else if (message.t === 'ended') run.events.ended(message);
    else if (++supervisorCalls > callsAtOnce)
      throw new ProtocolError('the supervisor asked more at once than it ever does');
    else answer(socket, message, bytes, weight);
  }

  /**
   * The supervisor forwarded what was printed before the guest wrote this, on its own connection: both can be read in one
   * turn of the event loop, in either order. So the guest's turn comes when all that was there is read.
   */
  function guest(socket: Socket, header: object, bytes: Buffer | undefined, weight: number): void {
    if (!run) throw new ProtocolError('nothing runs');
    const message = parseGuestMessage(header);
    setImmediate(() => {
      if (!isClosed) heard(socket, message, bytes, weight);
    });
  }

  function heard(socket: Socket, message: GuestMessage, bytes: Buffer | undefined, weight: number): void {
    if (!run) return;
    if (message.t === 'call') return answer(socket, message, bytes, weight);
    if (message.t === 'end') run.events.end(message.end);
    else run.host.output({ type: 'display', mime: message.mime, data: message.data });
    send(socket, { t: 'reply', id: message.id, reply: { ok: true } });
  }

  return {
    onConnection(socket) {
      if (isClosed || connections.size >= MAX_CONNECTIONS) return void socket.destroy();
      if (control === undefined) {
        control = socket;
        listen(
          socket,
          (header, bytes, weight) => controlled(socket, parseControlMessage(header), bytes, weight),
          (why) => {
            ready.reject(new Error(why));
            lost.resolve(why);
          },
        );
      } else
        listen(
          socket,
          (header, bytes, weight) => guest(socket, header, bytes, weight),
          () => {},
        );
    },
    ready: ready.promise,
    lost: lost.promise,
    start(message, host, events) {
      run = { host, events };
      if (control) send(control, message);
    },
    stop() {
      if (control) send(control, { t: 'stop' });
    },
    close() {
      isClosed = true;
      throttle.close();
      for (const socket of connections) socket.destroy();
      control?.destroy();
    },
  };
}
