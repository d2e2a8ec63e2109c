/** What a supervisor of a test needs for calls of its guest: a port of this machine's loopback, and Cordon's side. */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';

/** Several supervisors of this machine's tests share its loopback. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Closes every connection until the test says how it answers. */
export async function openCordonSide(folder: string) {
  let answer: (socket: Socket) => void = (socket) => socket.destroy();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    answer(socket);
  }).listen(join(folder, 'egress.sock'));
  await once(server, 'listening');
  return {
    answer(next: typeof answer) {
      answer = next;
    },
    close: () => server.close(),
  };
}
