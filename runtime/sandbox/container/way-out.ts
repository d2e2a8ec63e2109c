/**
 * Cordon's side of a container's second socket, through which its programs call out. Nobody answers there until a run that
 * may call is in the container; whose calls they are is known by the socket alone.
 */
import type { Socket } from 'node:net';

export interface WayOut {
  /** For each new connection of the socket. */
  readonly onConnection: (socket: Socket) => void;
  /** Call once: connections are answered from now on. */
  open(answer: (socket: Socket) => void): void;
  /** Ends what is connected; nobody is answered afterwards. */
  close(): void;
}

export function createWayOut(): WayOut {
  const connections = new Set<Socket>();
  let answer: ((socket: Socket) => void) | undefined;

  return {
    onConnection(socket) {
      socket.on('error', () => {});
      if (answer === undefined) return void socket.destroy();
      connections.add(socket);
      socket.once('close', () => connections.delete(socket));
      answer(socket);
    },
    open(given) {
      answer = given;
    },
    close() {
      answer = undefined;
      for (const socket of connections) socket.destroy();
    },
  };
}
