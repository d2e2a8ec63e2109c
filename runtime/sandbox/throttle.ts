/** How much one container or worker may make the service read: what is beyond waits in its own sockets. */
import type { Socket } from 'node:net';

export interface Throttle {
  /** A connection takes part from now on. `hold` concerns it, unless it is said not to. */
  add(socket: Socket, mayHold?: boolean): void;
  /** A chunk or frame of one of them was read. `cost` in bytes: what each costs to be copied. */
  count(cost: number): void;
  /** Nothing is read while held, whatever else. */
  hold(isHeld: boolean): void;
  close(): void;
}

const WINDOW_MS = 50;

/** `most` of each window; what one frame costs beyond that is waited for in the next ones. */
export function createThrottle(most: { frames: number; cost: number }): Throttle {
  /** Whether the hold concerns it. */
  const sockets = new Map<Socket, boolean>();
  const paused = new Set<Socket>();
  let frames = 0;
  let cost = 0;
  let timer: NodeJS.Timeout | undefined;
  let isFull = false;
  let isHeld = false;

  function update(): void {
    for (const [socket, mayHold] of sockets) {
      const pause = isFull || (isHeld && mayHold);
      if (pause === paused.has(socket)) continue;
      if (pause) {
        paused.add(socket);
        socket.pause();
      } else {
        paused.delete(socket);
        socket.resume();
      }
    }
  }

  function judge(): void {
    const full = frames > most.frames || cost > most.cost;
    if (full === isFull) return;
    isFull = full;
    update();
  }

  function endWindow(): void {
    frames = Math.max(0, frames - most.frames);
    cost = Math.max(0, cost - most.cost);
    timer = frames + cost > 0 ? setTimeout(endWindow, WINDOW_MS) : undefined;
    judge();
  }

  return {
    add(socket, mayHold = true) {
      sockets.set(socket, mayHold);
      socket.once('close', () => {
        sockets.delete(socket);
        paused.delete(socket);
      });
      update();
    },
    count(more) {
      frames++;
      cost += more;
      if (sockets.size > 0) timer ??= setTimeout(endWindow, WINDOW_MS);
      judge();
    },
    hold(held) {
      if (held === isHeld) return;
      isHeld = held;
      update();
    },
    close() {
      clearTimeout(timer);
      sockets.clear();
      // One that is paused never sees its end.
      for (const socket of paused) socket.resume();
      paused.clear();
    },
  };
}
