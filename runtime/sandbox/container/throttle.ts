/** How much one container may make the service read: what is beyond waits in the container's own sockets. */
import type { Socket } from 'node:net';

export interface Throttle {
  /** A connection takes part from now on. */
  add(socket: Socket): void;
  /** One of its frames of this size was read. */
  count(bytes: number): void;
  /** Nothing is read while held, whatever else. */
  hold(isHeld: boolean): void;
  close(): void;
}

const WINDOW_MS = 50;
const FRAMES = 1000;
const BYTES = 32 * 1024 * 1024;

export function createThrottle(): Throttle {
  const sockets = new Set<Socket>();
  let frames = 0;
  let bytes = 0;
  let timer: NodeJS.Timeout | undefined;
  let isFull = false;
  let isHeld = false;
  let isPaused = false;

  function update(): void {
    const pause = isFull || isHeld;
    if (pause === isPaused) return;
    isPaused = pause;
    for (const socket of sockets)
      if (pause) socket.pause();
      else socket.resume();
  }

  function endWindow(): void {
    timer = undefined;
    frames = 0;
    bytes = 0;
    isFull = false;
    update();
  }

  return {
    add(socket) {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      if (isPaused) socket.pause();
    },
    count(size) {
      frames++;
      bytes += size;
      timer ??= setTimeout(endWindow, WINDOW_MS);
      isFull ||= frames > FRAMES || bytes > BYTES;
      update();
    },
    hold(held) {
      isHeld = held;
      update();
    },
    close() {
      clearTimeout(timer);
      sockets.clear();
    },
  };
}
