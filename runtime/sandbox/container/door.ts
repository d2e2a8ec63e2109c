/**
 * Cordon's side of one container's socket. The first connection is the supervisor's, made while the container is blank;
 * all later ones are the guest's: programs, modules and the `cordon` command ask through them, for this run alone.
 */
import type { Socket } from 'node:net';
import type { GuestHost, HostReply } from '../driver.ts';
import { callsAtOnce, encodeFrame, frameReader } from '../frames.ts';
import { ProtocolError } from '../guest-end.ts';
import type { LimitName } from '../limits.ts';
import {
  type CallMessage,
  type ControlMessage,
  type EndedMessage,
  type GuestMessage,
  parseControlMessage,
  parseGuestMessage,
  type ServiceMessage,
} from './messages.ts';
import { createThrottle } from './throttle.ts';

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

export function createDoor(): Door {
  const ready = Promise.withResolvers<void>();
  const lost = Promise.withResolvers<string>();
  ready.promise.catch(() => {});
  const throttle = createThrottle();
  const connections = new Set<Socket>();
  let control: Socket | undefined;
  let run: { host: GuestHost; events: DoorEvents } | undefined;
  let isClosed = false;
  let isReady = false;
  let unfinished = 0;
  const asked: (() => Promise<void>)[] = [];
  let answering = 0;

  /** Reads frames of one connection; what breaks the protocol costs it the connection. */
  function listen(
    socket: Socket,
    receive: (header: object, bytes: Buffer | undefined) => void,
    over: (why: string) => void,
  ) {
    connections.add(socket);
    throttle.add(socket);
    let mine = 0;
    let offence = '';
    const feed = frameReader(MAX_FRAME_BYTES, (header, bytes) => {
      unfinished -= mine;
      mine = 0;
      throttle.count(0);
      if (!isClosed) receive(header, bytes);
    });
    socket.on('data', (chunk: Buffer) => {
      if (isClosed || offence !== '') return;
      try {
        mine += chunk.length;
        unfinished += chunk.length;
        throttle.count(chunk.length);
        if (unfinished > MAX_UNFINISHED_BYTES) throw new ProtocolError('unfinished messages are too large');
        feed(chunk);
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

  /** Some at once; while more wait, nothing further is read: it stays in the container's sockets. */
  function answer(socket: Socket, call: CallMessage, bytes: Buffer | undefined): void {
    asked.push(() => reply(socket, call, bytes));
    next();
    if (asked.length > 0) throttle.hold(true);
  }

  function next(): void {
    for (; answering < callsAtOnce && asked.length > 0; answering++) {
      const one = asked.shift() as () => Promise<void>;
      void one().finally(() => {
        answering--;
        next();
        if (asked.length === 0) throttle.hold(false);
      });
    }
  }

  async function reply(socket: Socket, { id, op, args }: CallMessage, bytes: Buffer | undefined): Promise<void> {
    if (isClosed || !run) return;
    const given = await run.host.call({ op, args: args as never, ...(bytes ? { bytes } : {}) });
    if (socket === control && !given.ok && given.error.limit !== undefined) run.events.notKept(given.error.limit);
    const { bytes: replyBytes, ...plain } = given as HostReply & { bytes?: Uint8Array };
    send(socket, { t: 'reply', id, reply: plain as HostReply }, replyBytes);
  }

  function controlled(socket: Socket, message: ControlMessage, bytes: Buffer | undefined): void {
    if (message.t === 'hello') {
      if (isReady) throw new ProtocolError('the supervisor said twice that it is ready');
      isReady = true;
      return ready.resolve();
    }
    if (!isReady || !run) throw new ProtocolError('the supervisor spoke before its run');
    if (message.t === 'output') run.events.output(message.stream, bytes ?? new Uint8Array());
    else if (message.t === 'ended') run.events.ended(message);
    else answer(socket, message, bytes);
  }

  /**
   * The supervisor forwarded what was printed before the guest wrote this, on its own connection: both can be read in one
   * turn of the event loop, in either order. So the guest's turn comes when all that was there is read.
   */
  function guest(socket: Socket, header: object, bytes: Buffer | undefined): void {
    if (!run) throw new ProtocolError('nothing runs');
    const message = parseGuestMessage(header);
    setImmediate(() => {
      if (!isClosed) heard(socket, message, bytes);
    });
  }

  function heard(socket: Socket, message: GuestMessage, bytes: Buffer | undefined): void {
    if (!run) return;
    if (message.t === 'call') return answer(socket, message, bytes);
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
          (header, bytes) => controlled(socket, parseControlMessage(header), bytes),
          (why) => {
            ready.reject(new Error(why));
            lost.resolve(why);
          },
        );
      } else
        listen(
          socket,
          (header, bytes) => guest(socket, header, bytes),
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
