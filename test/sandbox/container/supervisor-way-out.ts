/** What a supervisor of a test needs for calls of its guest: a port of this machine's loopback, and Cordon's side. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';

/**
 * Several supervisors of this machine's tests share its loopback, and each listens only when its run begins. Meanwhile
 * nobody is given its port: it lies below those that Linux hands out, which begin at 32768 (ip_local_port_range).
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_000);
    const server = createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') continue;
      throw error;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
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
