/** A TLS service on loopback that answers with whatever bytes a test wants. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type TLSSocket } from 'node:tls';
import { createAuthority } from './certificates.ts';

export interface RawService {
  connectTo: { address: string; port: number; caFile: string };
  /** All that arrived, by connection. */
  received: string[];
  readonly open: number;
  close(): Promise<void>;
}

/** `onRequest` is called for each head of a request that is complete. */
export async function startRawService(
  name: string,
  onRequest: (socket: TLSSocket, nth: number) => void,
): Promise<RawService> {
  const authority = createAuthority();
  const leaf = authority.leaf([name]);
  const folder = mkdtempSync(join(tmpdir(), 'cordon-raw-'));
  const caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, authority.certPem);
  const sockets = new Set<TLSSocket>();
  const received: string[] = [];
  let requests = 0;
  const server = createServer({ key: leaf.keyPem, cert: leaf.certPem, ALPNProtocols: ['http/1.1'] }, (socket) => {
    sockets.add(socket);
    const at = received.push('') - 1;
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (chunk) => {
      const before = received[at]!.split('\r\n\r\n').length;
      received[at] += chunk.toString('latin1');
      for (let more = received[at]!.split('\r\n\r\n').length - before; more > 0; more--) onRequest(socket, ++requests);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    connectTo: { address: '127.0.0.1', port: (server.address() as AddressInfo).port, caFile },
    received,
    get open() {
      return sockets.size;
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
